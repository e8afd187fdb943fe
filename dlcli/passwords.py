"""Passwords in URLs: no part of a config, so that nothing that is printed or written can hold one."""

import os
import re
import zlib

# A password may hold a slash, or an @, as long as another follows.
CREDENTIALS = re.compile(r"(?<=://)([^:/@]*):(.*)@")
WORD = re.compile(r"[A-Za-z][\w+.-]*:/{1,2}[^\s'\"]+")  # a path has lost one of the slashes
SETTINGS = re.compile(r"(?i)((?:password|passwd|pwd|sslpassword)=)[^&]*")


def hidden(url: str) -> str:
    """The URL as it may be shown: without its password.

    >>> hidden("postgresql://ann:secret@db:5432/studies"), hidden("journal:///tmp/a.log")
    ('postgresql://ann:***@db:5432/studies', 'journal:///tmp/a.log')
    """
    return SETTINGS.sub(r"\1***", CREDENTIALS.sub(r"\1:***@", url))


def without_password(url: str) -> str:
    """The URL as files keep it, to be used again.

    >>> without_password("postgresql://ann:secret@db:5432/studies"), without_password("mysql://db/x?password=secret")
    ('postgresql://ann@db:5432/studies', 'mysql://db/x')
    """
    if "://" not in url:
        return hidden(url)
    scheme, _, rest = CREDENTIALS.sub(r"\1@", url).partition("://")
    rest, _, query = rest.removeprefix("@").partition("?")
    kept = [entry for entry in query.split("&") if entry and not SETTINGS.match(entry)]
    return f"{scheme}://{rest}" + (f"?{'&'.join(kept)}" if kept else "")


def without_passwords(text: str) -> str:
    """A text with every URL in it as ``hidden`` shows it.

    >>> without_passwords("there is no 'postgresql://ann:secret@db/x', nor mysql:/ann:secret@db")
    "there is no 'postgresql://ann:***@db/x', nor mysql://ann:***@db"
    """

    def shown(match: re.Match[str]) -> str:
        found = match[0] if "://" in match[0] else match[0].replace(":/", "://", 1)
        return hidden(found) if hidden(found) != found else match[0]

    return WORD.sub(shown, text)


def put_away(url: str) -> str:
    """The URL as ``hidden`` shows it; ``whole`` gives it back in this process and in those that it starts.

    The password is in the environment meanwhile, as PostgreSQL's own PGPASSWORD is.
    """
    shown = hidden(url)
    if shown != url:
        os.environ[_variable(shown)] = url
    return shown


def whole(url: str) -> str:
    """A URL that was ``put_away``, with its password; of any other one the asterisks are left out.

    >>> whole("postgresql://ann:***@db/other")
    'postgresql://ann@db/other'
    """
    known = os.environ.get(_variable(url))
    if known is not None:
        return known
    return re.sub(r"(?i)[?&](?:password|passwd|pwd|sslpassword)=\*\*\*", "", url.replace(":***@", "@", 1))


def _variable(shown: str) -> str:
    return f"DLCLI_URL_{zlib.crc32(shown.encode(errors='surrogateescape')):08x}"

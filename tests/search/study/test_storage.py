"""Storage URLs, and what a user sees of one that fails."""

import pytest

from dlcli.errors import DlcliError
from dlcli.passwords import hidden, without_password
from dlcli.search.study.storage import _open_database, open_storage, storage_errors


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@db:5432/studies", "postgresql://ann:***@db:5432/studies"),
        ("postgresql+psycopg://ann:s%40cret@db/x", "postgresql+psycopg://ann:***@db/x"),
        ("postgresql://db/x?user=ann&password=secret", "postgresql://db/x?user=ann&password=***"),
        ("mysql://ann@db/x", "mysql://ann@db/x"),
        ("postgresql://ann:se/cr@et@db/x", "postgresql://ann:***@db/x"),
        ("sqlite:///C:/studies/a.db", "sqlite:///C:/studies/a.db"),
        ("journal:///tmp/a.log", "journal:///tmp/a.log"),
    ],
)
def test_a_password_is_never_shown(url, shown):
    assert hidden(url) == shown


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("postgresql://ann:secret@db:5432/studies", "postgresql://ann@db:5432/studies"),
        ("postgresql+psycopg://ann:s%40cret@db/x", "postgresql+psycopg://ann@db/x"),
        ("postgresql://:secret@db/x", "postgresql://db/x"),
        (
            "postgresql://db/x?user=ann&password=secret&connect_timeout=3",
            "postgresql://db/x?user=ann&connect_timeout=3",
        ),
        ("postgresql://db/x?password=secret", "postgresql://db/x"),
        ("mysql://ann@db/x", "mysql://ann@db/x"),
        ("postgresql://ann:se/cr@et@db/x", "postgresql://ann@db/x"),
        ("journal:///tmp/a.log", "journal:///tmp/a.log"),
        ("journal://a%20b.log", "journal://a%20b.log"),
        ("sqlite:///a.db", "sqlite:///a.db"),
        ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db"),
        ("sqlite:///C:/a.db", "sqlite:///C:/a.db"),
        ("sqlite://", "sqlite://"),
    ],
)
def test_a_url_is_kept_to_be_used_again_without_its_password(url, kept):
    assert without_password(url) == kept
    assert without_password(without_password(url)) == without_password(url)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_s_url_without_a_password_says_where_it_may_come_from(scheme):
    pytest.importorskip({"postgresql": "psycopg", "mysql": "pymysql"}[scheme])
    with pytest.raises(DlcliError) as caught:
        open_storage(f"{scheme}://ann@127.0.0.1:9/none", 10)
    assert {"postgresql": "PGPASSWORD", "mysql": "MYSQL_PWD"}[scheme] in caught.value.hint
    with pytest.raises(DlcliError) as caught:
        open_storage(f"{scheme}://ann:hush@127.0.0.1:9/none", 10)
    assert "PASSWORD" not in caught.value.hint
    assert "MYSQL_PWD" not in caught.value.hint


@pytest.mark.parametrize(
    ("url", "given"),
    [("mysql://ann@db/x", {"password": "hush"}), ("mysql://ann:own@db/x", {}), ("sqlite:///x.db", {"timeout": 60})],
)
def test_mysql_s_password_may_come_from_the_environment(url, given, monkeypatch):
    import optuna

    seen = {}
    monkeypatch.setenv("MYSQL_PWD", "hush")
    monkeypatch.setattr(optuna.storages, "RDBStorage", lambda _, engine_kwargs, **__: seen.update(engine_kwargs))
    _open_database(url, 1, None)
    assert seen["connect_args"] == given


@pytest.mark.parametrize("url", ["redis://x", "nothing", "file:///tmp/x", "://", "postgresql:/x"])
def test_other_schemes_are_refused(url):
    with pytest.raises(DlcliError, match="journal:///PATH"):
        open_storage(url, 10)


def test_a_database_that_is_not_there(tmp_path):
    pytest.importorskip("psycopg")
    with pytest.raises(DlcliError, match="postgresql://ann:") as caught:
        open_storage("postgresql://ann:hush@127.0.0.1:9/none", 10)
    assert "hush" not in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("password", ["hu/sh", "hu%2Fsh", "hu@sh"])
def test_no_part_of_a_password_is_in_what_the_driver_says(password):
    pytest.importorskip("psycopg")
    with pytest.raises(DlcliError) as caught:
        open_storage(f"postgresql://ann:{password}@127.0.0.1:9/none", 10)
    assert password not in caught.value.message
    assert "hu/sh" not in caught.value.message


def test_a_journal_that_is_a_folder(tmp_path):
    with pytest.raises(DlcliError, match="folder"):
        open_storage(f"journal://{tmp_path}", 10)


def test_defects_of_ours_are_not_blamed_on_the_storage():
    with pytest.raises(ZeroDivisionError), storage_errors("journal:///tmp/a"):
        raise ZeroDivisionError

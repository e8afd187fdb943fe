"""The commit of git: as git itself says it, whatever the repository is like; never an error."""

import shutil
import subprocess

import pytest

from dlcli.engine.revision import commit_of, look, revision

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder, *words):
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    (folder / "inner").mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "a.csv").write_text("x\n1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


@needs_git
def test_the_commit_is_that_of_git(repository, tmp_path):
    head = git(repository, "rev-parse", "HEAD")
    assert commit_of(repository / "inner") == head
    git(repository, "pack-refs", "--all")
    assert commit_of(repository) == head
    git(repository, "worktree", "add", "-q", "-b", "other/branch", str(tmp_path / "tree"))
    git(tmp_path / "tree", "commit", "-q", "--allow-empty", "-m", "second")
    second = git(tmp_path / "tree", "rev-parse", "HEAD")
    assert (commit_of(tmp_path / "tree"), commit_of(repository)) == (second, head)
    git(repository, "checkout", "-q", "--detach", second)
    assert commit_of(repository) == second


@needs_git
def test_changes_are_those_when_the_command_began(repository, monkeypatch):
    monkeypatch.chdir(repository)
    (repository / "new.csv").touch()  # which git doesn't know
    begun = look()
    assert begun is not None
    assert begun.dirty is False
    (repository / "a.csv").write_text("x\n2\n")
    assert revision() is begun
    assert begun.dirty is False
    again = look()
    assert again is not None
    assert (again.dirty, again.dirty) == (True, True)


@needs_git
def test_without_a_git_that_answers_the_changes_are_not_known(repository, monkeypatch):
    monkeypatch.chdir(repository)
    commit = commit_of(repository)
    monkeypatch.setenv("PATH", "")
    found = look()
    assert found is not None
    assert (found.commit, found.dirty) == (commit, None)


@pytest.mark.parametrize(
    "head", [None, "", "ref: refs/heads/none", "ref: ", "not a commit", "\xff", "ref: ../../../../etc/passwd"]
)
def test_a_repository_that_is_broken_has_none(tmp_path, head):
    (tmp_path / ".git").mkdir()
    if head is not None:
        (tmp_path / ".git" / "HEAD").write_bytes(head.encode("latin-1"))
    assert commit_of(tmp_path) is None
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / ".git").write_text("gitdir: nowhere")
    assert commit_of(tmp_path / "tree") is None

"""Every block of code in README, CONTRIBUTING and the docs runs, or its commands are those that there are."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from glob import glob
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from code_blocks import ROOT, Block, blocks, pages
from shown_on_pages import SHOWN

from bnstats.cli import main

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
# Prompts run as doctests, directives when the site is built; text is only shown.
OTHERS = {"doctest", "text", "{image}", "{toctree}", "{raw}", "{measured}", "{note}", "{literalinclude}", "{left_out}"}
PYTHON = ("python", "{code-cell}")
# Packages that an environment may lack.
FRAMEWORKS = ("torch", "lightning", "transformers", "keras", "flax")
# As long as the pages say, some would run for hours.
SHORTER = {
    "docs/tutorials/researcher.md": {'"max_replicates": 4096': '"max_replicates": 256'},
    "docs/ledger.md": {"check_claims(": 'check_claims(["zero-at-3", "zero-at-8"], '},
    "docs/cluster.md": {
        "precision=0.001": "precision=0.1",
        "batch_sizes=[2, 8, 32]": "batch_sizes=[2], precision=None, max_replicates=4",
        "max_replicates=2**20": "max_replicates=2**6",
        "of=100": "of=1",
    },
}


def test_every_block_is_of_a_kind_that_is_run_or_known() -> None:
    unknown = {str(block): block.kind for block in blocks() if block.kind not in OTHERS | {*PYTHON, "sh"}}
    assert unknown == {}
    assert len({block.page for block in blocks() if block.kind in PYTHON}) > 15


def test_prompts_are_on_pages_that_pytest_collects() -> None:
    options = PROJECT["tool"]["pytest"]["ini_options"]
    globs = re.findall(r"--doctest-glob=(\S+)", options["addopts"])
    for page in {block.page for block in blocks() if block.kind == "doctest"}:
        assert any(fnmatch(page, glob) for glob in globs), page
        assert any(page == path or page.startswith(f"{path}/") for path in options["testpaths"]), page


def parts(page: str) -> list[Block]:
    """What of a page is run, in its order."""
    return [block for block in blocks() if block.page == page and block.kind in (*PYTHON, "sh")]


def is_shown(block: Block, output: str) -> bool:
    """Whether the output of a shell block is the text block that follows it, if one does; ... stands for any lines."""
    later = [other for other in blocks() if other.page == block.page and other.line > block.line]
    if not later or later[0].kind != "text":
        return True
    return doctest.OutputChecker().check_output(later[0].text, output, doctest.ELLIPSIS)


def output_of(code: str) -> str:
    """Standard output of commands; those of bnstats run in this process, which has loaded the packages."""
    said = ""
    for line in code.replace("\\\n", " ").splitlines():
        program, *words = shlex.split(line)
        arguments = [name for word in words for name in sorted(glob(word)) or [word]]  # as a shell does
        if program == "bnstats":
            held = io.StringIO()
            with contextlib.redirect_stdout(held):
                assert main(arguments) == 0, line
            said += held.getvalue()
        else:
            said += subprocess.run(
                ["bash", "-euo", "pipefail", "-c", line], check=True, stdout=subprocess.PIPE, text=True
            ).stdout
    return said


WITH_PYTHON = sorted({block.page for block in blocks() if block.kind in PYTHON})


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to run in, no windows, and for pages that need it a cluster of one worker."""
    monkeypatch.setattr(plt, "show", lambda: None)
    # In tests/ stands a folder `datasets`, which transformers would take for the package of that name.
    monkeypatch.setattr(sys, "path", [path for path in sys.path if Path(path) != ROOT / "tests"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def scheduler(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a scheduler, on pages that name one."""
    if "tcp://scheduler" not in "".join(block.text for block in parts(request.getfixturevalue("page"))):
        yield ""
        return
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install bnstats[dask]")
    options = {"n_workers": 1, "processes": False, "protocol": "tcp", "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(**options) as cluster:
        yield cluster.scheduler_address
        for client in list(distributed.client._global_clients.values()):
            client.close()


# Under heavy tails some errors are not known, few replicates do not suffice, and Dask warns of ports.
@pytest.mark.filterwarnings("ignore::bnstats.exceptions.PrecisionWarning")
@pytest.mark.filterwarnings("ignore:Port .* is already in use")
@pytest.mark.filterwarnings("ignore:::lightning")
@pytest.mark.parametrize("page", WITH_PYTHON)
def test_the_code_of_a_page_runs_from_its_first_line_to_its_last(
    page: str, runs: Path, scheduler: str, capfd: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {}
    for number, block in enumerate(parts(page)):
        code = block.text.replace("tcp://scheduler:8786", scheduler)
        for long, short in SHORTER.get(page, {}).items():
            code = code.replace(long, short)
        for package in FRAMEWORKS:
            if re.search(rf"^(import|from) {package}\b", code, re.MULTILINE) and find_spec(package) is None:
                pytest.skip(f"needs {package}")
        if block.kind == "sh":
            said = output_of(code)
            assert is_shown(block, said), (str(block), said)
        else:
            script = runs / f"block_{number}.py"
            script.write_text(code)
            names |= runpy.run_path(str(script), init_globals=names)
        assert "print(" not in code or capfd.readouterr().out.strip()
    if page in SHOWN:
        SHOWN[page](names)


def test_what_a_page_with_output_shows_is_checked() -> None:
    assert {block.page for block in blocks() if block.kind == "{code-cell}"} == set(SHOWN)


def test_no_reader_meets_code_that_is_only_there_for_a_test() -> None:
    """Examples show a number, a table or a figure, not a comparison that prints True."""
    of_readers = [block for block in blocks() if block.kind in (*PYTHON, "doctest")]
    odd = [str(block) for block in of_readers if re.search(r"(?<!\.)\b(bool|set)\(|doctest: \+SKIP", block.text)]
    assert odd == []


def test_code_is_no_wider_than_a_page() -> None:
    """At 896 px and 1280 px a line has room for 98 characters; output and commands wrap by themselves."""
    files = [block for block in blocks() if block.kind in PYTHON and block.page.startswith("docs")]
    lines = [(str(block), line) for block in files for line in block.text.splitlines() if not is_output(line)]
    for path in (ROOT / "docs" / "tutorials").glob("*.py"):
        lines += [(path.name, line) for line in path.read_text().splitlines()]
    assert [place for place, line in lines if len(line) > 96] == []


def is_output(line: str) -> bool:
    return line.startswith(("supported:", "refuted:", "undecided:"))


def test_what_is_made_shorter_stands_on_its_page() -> None:
    for page, changes in SHORTER.items():
        for long in changes:
            assert any(long in block.text for block in parts(page)), (page, long)


def commands() -> Iterator[tuple[str, str]]:
    """Where it stands, and a command: of the shell blocks, and in running text those that begin as commands do."""
    for block in blocks():
        if block.kind == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                for command in re.split("&&|;", line.partition("#")[0]):
                    if command.strip():
                        yield str(block), command.strip()
    for page in pages():
        prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        for command in re.findall(r"`((?:python -m|bnstats|pip install|python -m pip install) [^`]+)`", prose):
            yield page.name, " ".join(command.split())


def own_program(target: str) -> Path | None:
    """The file of a module or script of this project, None for another one."""
    modules = [folder / target.replace(".", "/") for folder in (ROOT, ROOT / "src")]
    files = [ROOT / target, *(file for path in modules for file in (path / "__main__.py", path.with_suffix(".py")))]
    return next((file for file in files if file.is_file()), None)


@cache
def help_of(*command: str) -> str:
    """Return the help text of a command. This project's own run in this process, which has loaded the packages."""
    target, *arguments = [word for word in command[1:] if word != "-m"] or command
    if path := own_program(target):
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
            patch.setattr(sys, "argv", [target, *arguments, "--help"])
            patch.syspath_prepend(str(path.parent))
            with pytest.raises(SystemExit) as ended:
                runpy.run_path(str(path), run_name="__main__")
        assert not ended.value.code, command
        return said.getvalue()
    done = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def is_declared(program: str) -> bool:
    """Return True if the extra for developers installs this program."""
    return any(re.match(rf"{program}\b", package) for package in EXTRAS["dev"])


def problem(command: str) -> str | None:
    """What there is not: the program, the file, the extra, or an option; None if all is there."""
    words = [word for word in shlex.split(command) if not re.fullmatch(r"\w+=\S*", word)]
    if "pip" in words:
        wanted = {extra for word in words for extras in re.findall(r"\[(.+)\]", word) for extra in extras.split(",")}
        return f"no extra {wanted - set(EXTRAS)}" if wanted - set(EXTRAS) else None
    program, arguments = words[:1], words[1:]
    if words[0] == "bnstats":
        program, arguments = [sys.executable, "-m", "bnstats", *words[1:2]], words[2:]
    elif words[0] == "python":
        module = words[1] == "-m"
        target, arguments = (words[2], words[3:]) if module else (words[1], words[2:])
        if not (find_spec(target) if module else (ROOT / target).exists()):
            return None if is_declared(target) else f"no {target}"
        program = [sys.executable, *(("-m",) if module else ()), target]
    elif "/" in words[0]:
        return None if os.access(ROOT / words[0], os.X_OK) else f"no {words[0]}"
    elif shutil.which(words[0]) is None:
        return None if is_declared(words[0]) else f"no {words[0]}"
    options = [word.partition("=")[0] for word in arguments if word.startswith("-")]
    unknown = [option for option in options if not re.search(rf"(^|[\s,\[]){option}\b", help_of(*program))]
    return f"no option {unknown}" if unknown else None


@pytest.mark.parametrize(("place", "command"), [pytest.param(*c, id=c[1]) for c in dict.fromkeys(commands())])
def test_a_command_is_one_that_there_is(place: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert problem(command) is None, place


def test_options_of_files_stand_on_a_page() -> None:
    options = set(re.findall(r"--[a-z-]+", help_of(sys.executable, "-m", "bnstats", "convergence")))
    page = (ROOT / "docs" / "command_line.md").read_text()
    assert {option for option in options - {"--help"} if not re.search(rf"{option}\b", page)} == set()
    assert len(options) > 10


def test_another_output_than_shown_is_found() -> None:
    first = next(block for block in blocks() if block.page == "docs/command_line.md" and block.kind == "sh")
    assert not is_shown(first, "points.csv, column points: 400 values read.\n")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("python -m pip install -e '.[all]'", "no extra"),
        ("python -m analysis", "no analysis"),
        ("python -m analyses --fast", "no option"),
        ("python tests/fuzz/fuzz.py", "no tests/fuzz/fuzz.py"),
        ("bnstats claims --fast", "no option"),
        (".ci/walk", "no .ci/walk"),
        ("rough check .", "no rough"),
    ],
)
def test_a_command_that_there_is_not_is_found(command: str, said: str) -> None:
    assert (problem(command) or "").startswith(said)

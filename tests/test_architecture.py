"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "synthlab"
MODULES = sorted(PACKAGE.rglob("*.py"))
HARD_MODULE_LIMIT = 500
HARD_FUNCTION_LIMIT = 60  # without its docstring

# Where each third-party driver lives; nobody else may import it.
HOMES = {
    "yaml": ("synthlab.scenario",),
    "sqlalchemy": ("synthlab.platform", "synthlab.adapters.database"),
    "psycopg": ("synthlab.platform", "synthlab.adapters.database"),
    "paho": ("synthlab.adapters.mqtt",),
    "amqtt": ("synthlab.adapters.broker",),
    "matplotlib": ("synthlab.plotting",),
    "ipywidgets": ("synthlab.widgets",),
    "anywidget": ("synthlab.widgets",),
    "typer": ("synthlab.cli", "synthlab.cli_output"),
    "rich": ("synthlab.progress",),
    "tqdm": ("synthlab.progress",),
}
HEAVY = ("pandas", "numpy", "sqlalchemy", "matplotlib", "sklearn", "pyarrow", "pydantic", "paho", "yaml")


def _name(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for guard in [node for node in ast.walk(tree) if isinstance(node, ast.If)]:
        if ast.unparse(guard.test) == "TYPE_CHECKING":
            guard.body = [ast.Pass()]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module)


def _is_at_home(module: str, homes: tuple[str, ...]) -> bool:
    # "mqtt" and its neighbors "mqtt_sockets", "mqtt.sockets" are one home.
    return any(module == home or module.startswith((f"{home}.", f"{home}_")) for home in homes)


def test_imports_run_downwards_only() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("driver", sorted(HOMES))
def test_driver_stays_at_home(driver: str) -> None:
    strangers = [
        _name(path)
        for path in MODULES
        if any(name.split(".")[0] == driver for name in _imports(path))
        and not _is_at_home(_name(path), HOMES[driver])
    ]
    assert strangers == []


def _loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules, file=sys.__stderr__)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    return {name.split(".")[0] for name in done.stderr.split()}


def test_import_is_light() -> None:
    loaded = _loaded_by("import synthlab")
    assert "synthlab" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_help_is_light() -> None:
    lines = ["from synthlab.cli import main", "try:", "    main(['--help'])", "except SystemExit: pass"]
    loaded = _loaded_by("\n".join(lines))
    assert "typer" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_public_face_is_complete_and_lazy() -> None:
    import synthlab

    assert sorted(synthlab.__all__) == sorted({*synthlab._HOMES, "__version__"})
    for name in synthlab.__all__:
        assert getattr(synthlab, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = synthlab.nothing


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    has_more = ast.get_docstring(function) is not None and len(function.body) > 1
    return (function.end_lineno or 0) - function.body[int(has_more)].lineno


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_module_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= HARD_MODULE_LIMIT
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    lengths = {
        node.name: _length(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: n for name, n in lengths.items() if n > HARD_FUNCTION_LIMIT} == {}


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_module_name_tells_its_subject(path: Path) -> None:
    assert path.stem not in {"utils", "helpers", "common", "misc"}


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_nothing_is_swallowed_printed_or_run(path: Path) -> None:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append(f"{node.lineno}: bare except")
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in {"eval", "exec", "pickle.loads", "yaml.load", "os.system"}:
                found.append(f"{node.lineno}: {called}")
            if called == "print" and path.name != "cli_output.py":
                found.append(f"{node.lineno}: print")
            if any(word.arg == "shell" for word in node.keywords):
                found.append(f"{node.lineno}: shell=")
    assert found == []

"""Who may import whom, read from the source text; a violation names the file and what it may import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FOUNDATION = (
    "service",
    "service.records",
    "service.errors",
    "service.settings",
    "service.access_settings",
    "service.storage_settings",
    "service.allowed_addresses",
    "service.secret_file",
    "service.data",
    "service.files",
    "service.leftovers",
    "service.packing",
    "service.parquet",
    "service.clock",
    "service.nesting",
    "service.observe",
)
# room -> what of ours it may import, besides itself and FOUNDATION; the longest matching prefix decides
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "service.records": (),
    "service.errors": (),
    "service.settings": (),
    "service.access_settings": (),
    "service.storage_settings": (),
    "service.allowed_addresses": (),
    "service.secret_file": (),
    "service.data": (),
    "service.files": (),
    "service.leftovers": (),
    "service.packing": (),
    "service.parquet": (),
    "service.clock": (),
    "service.nesting": (),
    "service.observe": (),
    "service.models": (),
    "service.advisor": (),
    "service.lint": ("service.privacy",),
    "service.convert": (),
    "service.split": ("service.convert",),
    "service.estimate": ("service.models", "trainers.contract"),
    "service.evaluate": ("service.lint",),
    "service.synth": ("service.evaluate", "service.lint", "service.privacy"),
    "service.privacy": (),
    "service.store": ("trainers.contract",),
    "service.storage": (),
    "service.webhooks": ("service.store",),
    "service.launch": ("service.models", "trainers.contract", "trainers.answers"),
    # which models it tunes is a row of the rules
    "service.launch.targets.azure_openai": ("service.launch", "service.advisor.models", "trainers.contract"),
    "service.launch.targets.azure_serverless": ("service.launch", "service.advisor.models", "trainers.contract"),
    "service.launch.targets.offering": ("service.launch", "service.advisor.models"),
    "service.artifacts": ("service.launch", "service.evaluate", "trainers.contract", "trainers.answers"),
    "service.jobs": ("service.launch", "service.artifacts", "service.store", "service.storage", "trainers.contract"),
    "service.verbs": (
        "service.jobs", "service.launch", "service.artifacts", "service.store", "service.storage", "service.advisor",
        "service.lint", "service.privacy", "service.convert", "service.split", "service.estimate", "service.evaluate",
        "service.models", "service.synth", "service.webhooks",
        "trainers.contract", "trainers.answers",
    ),
    # what a skin knows: verbs, records, and the request types of the contract
    "service.api": ("service.verbs", "service.launch.request", "trainers.contract"),
    "service.mcp": ("service.verbs",),
    "service.cli.mcp": ("service.mcp",),
    "service.api.agents": ("service.api", "service.verbs", "service.mcp"),
    # programs of others import it: records and the contract of plans alone
    "service.client": ("trainers.contract",),
    "service.cli": ("service.verbs", "service.client", "service.launch.request", "trainers.contract"),
    "service.cli.serve": ("service.verbs", "service.api", "service.app"),
    "service.app": ("service.api", "service.verbs", "service.jobs", "service.store"),
    "service.__main__": ("service.cli",),
    "service.model_server": ("service.api", "service.verbs"),
    "service.regenerate": (
        "service.app", "service.api", "service.verbs", "service.launch.request", "trainers.contract",
    ),
    "trainers": (),
}  # fmt: skip
# heavy libraries and the only rooms that may name them at all (inside functions)
FENCED: dict[str, tuple[str, ...]] = {
    "torch": ("trainers",),
    "transformers": ("trainers",),
    "peft": ("trainers",),
    "onnxruntime": ("trainers",),
    "onnxruntime_genai": ("trainers",),
    "dbos": ("service.jobs", "service.app"),
    "litestar": ("service.api", "service.app", "service.regenerate"),
    "sqlalchemy": ("service.store", "service.jobs"),
    "obstore": ("service.storage",),
    "mcp": ("service.mcp",),
    "azure": ("service.launch.targets.azure_ml", "service.launch.targets.azure_openai"),
    "openai": ("service.launch.targets.azure_openai",),
    "httpx2": ("service.launch.targets.azure_openai",),
    "kubernetes": ("service.launch.targets.kaito",),
    "oras": ("service.launch.targets.kaito",),
    "opentelemetry": ("service.observe.traces",),
    "bm25s": ("service.evaluate",),
    "presidio_analyzer": ("service.privacy",),
    "presidio_anonymizer": ("service.privacy",),
    "phonenumbers": ("service.privacy",),
    "tldextract": ("service.privacy",),
    "spacy": ("service.privacy",),
    "pypdf": ("service.synth",),
}
HEAVY = (*FENCED, "httpx", "uvicorn", "alembic", "psutil", "numpy", "pyarrow")
# rooms that only run with their extra installed, where a heavy import may stand at the top
EXTRA_ROOMS = (
    "service.api", "service.app", "service.jobs", "service.mcp.server", "service.store", "service.regenerate",
    "service.privacy.analyzer", "service.privacy.context", "service.privacy.given", "service.privacy.limits",
    "service.privacy.ner", "service.privacy.nlp", "service.privacy.phones", "service.privacy.planner",
    "service.privacy.recognizers",
    # imported by trainers.simulation.simulate alone, inside its function
    "trainers.simulation.emulation", "trainers.simulation.four_bit", "trainers.simulation.model",
    "trainers.simulation.optimizers", "trainers.simulation.step", "trainers.simulation.storage",
    # by trainers.measurement.measure
    "trainers.measurement.meter", "trainers.measurement.model", "trainers.measurement.step",
)  # fmt: skip


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    for package in ("service", "trainers"):
        for path in sorted((root / package).rglob("*.py")):
            if "_data" not in path.parts:
                parts = path.relative_to(root).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(name: str, path: Path) -> Iterator[tuple[str, bool]]:
    """(absolute name, at module level) of every import, relative ones and import_module literals included."""
    tree = ast.parse(path.read_text())
    top = {id(node) for node in tree.body}
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        at_top = id(node) in top
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                kept = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*kept, base] if base else kept)
            yield base, at_top
            yield from (
                (f"{base}.{alias.name}", at_top)
                for alias in node.names
                if (ROOT / base.replace(".", "/") / f"{alias.name}.py").exists()
            )
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module" and node.args:
            argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value, at_top


def under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def room_of(name: str) -> str:
    rooms = [room for room in MAY_IMPORT if under(name, room)]
    return max(rooms, key=len) if rooms else ""


def violations(root: Path) -> list[str]:
    found = []
    for name, path in modules(root):
        room = room_of(name)
        if not room:
            if name != "service":
                found.append(f"{path.relative_to(root)}: {name} belongs to no room of the house")
            continue
        foundation = () if room == "trainers" else FOUNDATION
        allowed = (room, *MAY_IMPORT[room])
        for imported, at_top in imports(name, path):
            if under(imported, "service") or under(imported, "trainers"):
                fine = imported in foundation or any(under(imported, one) for one in allowed)
                fine = fine or any(under(imported, one) for one in foundation if one != "service")
                parent = room.rpartition(".")[0]
                fine = fine or (room == "service.cli.serve" and under(imported, parent))
                if not fine:
                    found.append(f"{path.relative_to(root)} imports {imported}; it may import {', '.join(allowed)}")
            library = imported.split(".")[0]
            if library in FENCED and not any(under(name, one) for one in FENCED[library]):
                found.append(f"{path.relative_to(root)} imports {library}; only {', '.join(FENCED[library])} may")
            if at_top and library in HEAVY and not any(under(name, one) for one in EXTRA_ROOMS):
                found.append(f"{path.relative_to(root)} imports {library} at module level; import it in the function")
    return found


def test_imports_go_one_way() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("planted", "text", "named"),
    [
        ("trainers/wrong.py", "import service.errors\n", "service.errors"),
        ("service/lint/wrong.py", "from service.advisor import engine\n", "service.advisor"),
        ("service/estimate/wrong.py", "from ..lint import engine\n", "service.lint"),
        ("service/cli/wrong.py", "def f():\n    import torch\n", "torch"),
        ("trainers/wrong2.py", "import torch\n", "module level"),
        ("service/utils.py", "", "no room"),
    ],
)
def test_a_planted_violation_is_named(tmp_path: Path, planted: str, text: str, named: str) -> None:
    (tmp_path / planted).parent.mkdir(parents=True)
    (tmp_path / planted).write_text(text)
    assert any(planted in line and named in line for line in violations(tmp_path))


def test_no_file_is_longer_than_300_lines() -> None:
    folders = ("service", "trainers", "tests", "benchmarks", "examples")
    lengths = {path: len(path.read_text().splitlines()) for folder in folders for path in (ROOT / folder).rglob("*.py")}
    assert [f"{path.relative_to(ROOT)}: {lines}" for path, lines in lengths.items() if lines > 300] == []


def test_every_module_says_what_it_is_in_one_sentence() -> None:
    silent = [path for _, path in modules(ROOT) if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []

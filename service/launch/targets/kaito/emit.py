"""The two objects for hand use: `kubectl create -f`."""

from __future__ import annotations

from typing import Any

from service.errors import missing_extra
from service.launch.targets.kaito.settings import KaitoSettings
from service.launch.targets.target import LaunchPlan


def kaito(plan: LaunchPlan, where: KaitoSettings) -> str:
    """Both objects as YAML, the ConfigMap first: the Workspace's controller looks for it at once."""
    try:
        import yaml
    except ImportError as error:
        raise missing_extra("kaito", "--emit kaito", error) from error
    context = f" --context {where.context}" if where.context else ""
    head = [f"# kubectl create -f FILE{context}", *(f"# needs {one}" for one in plan.needs)]

    class Readable(yaml.SafeDumper):  # type: ignore[misc]
        """The training configuration as lines of its own."""

    def block(dumper: Any, text: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Readable.add_representer(str, block)
    objects = [plan.manifest["config_map"], plan.manifest["workspace"]]
    text: str = yaml.dump_all(objects, Dumper=Readable, sort_keys=False, width=120)
    return "\n".join(head) + "\n" + text

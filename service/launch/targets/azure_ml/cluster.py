"""The training cluster, made where it is missing and wanted: no machine stands while nothing trains."""

from __future__ import annotations

from typing import Any

from service.errors import TuneGateError
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.azure_ml.talking import found, talking, word

# a machine is given back after so long without work
_IDLE_SECONDS = 120


def cluster(ml: Any, where: AzureMlSettings) -> None:
    """Return once the cluster takes jobs; one that is there is left as it is.

    Raises:
        TuneGateError: `target_unreachable` while it is being made, `target_refused` where it could not be.
    """
    from azure.ai.ml.entities import AmlCompute

    with talking("looking for the cluster"):
        known = found(lambda: ml.compute.get(where.compute))
    if known is None:
        made = AmlCompute(
            name=where.compute,
            size=where.instance_type,
            min_instances=0,
            max_instances=where.instance_count,
            idle_time_before_scale_down=_IDLE_SECONDS,
        )
        with talking("making the cluster"):
            ml.compute.begin_create_or_update(made)
        raise _coming(where)
    state = word(known.provisioning_state or "Succeeded")
    if state in {"Failed", "Canceled"}:
        remedy = "Remove it in the studio, where its error stands, and launch the plan again."
        raise TuneGateError("target_refused", f"The cluster {where.compute} could not be made.", remedy=remedy)
    if state != "Succeeded":
        raise _coming(where)


def _coming(where: AzureMlSettings) -> TuneGateError:
    detail = f"The cluster {where.compute} (0 to {where.instance_count} x {where.instance_type}) is being made."
    return TuneGateError("target_unreachable", detail, remedy="The job is sent once it stands.")

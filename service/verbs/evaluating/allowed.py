"""Which addresses an evaluation over HTTP may ask, and which key may be sent there: what the operator lists."""

from __future__ import annotations

from collections.abc import Sequence

from service.allowed_addresses import AllowedEndpoint
from service.errors import ErrorItem, TuneGateError
from service.evaluate.models import Model

_NO_KEY = "no key, or the variable that TUNEGATE_ENDPOINTS names with the address"


class Allowed:
    """What is listed; `refused` is everything else that was looked at."""

    def __init__(self, listed: Sequence[AllowedEndpoint]) -> None:
        self._listed = listed
        self.refused: list[ErrorItem] = []

    def require(self, where: str, model: Model) -> None:
        """Note an address that is not listed, or a key that is not listed with it."""
        holding = [one for one in self._listed if one.holds(str(model.endpoint))]
        if not holding:
            listed = ", ".join(sorted({one.address for one in self._listed}))
            self.refused.append(ErrorItem(f"{where}: endpoint", "not allowed here", listed or "none is"))
        elif model.api_key_env is not None and model.api_key_env not in {one.key for one in holding}:
            self.refused.append(ErrorItem(f"{where}: api_key_env", "not allowed for this endpoint", _NO_KEY))

    def refuse(self) -> None:
        """Raise TuneGateError (`endpoint_not_allowed`) with what was refused, if there is any."""
        if self.refused:
            raise TuneGateError(
                "endpoint_not_allowed",
                f"{len(self.refused)} endpoint(s) or key(s) are not allowed here.",
                remedy="The operator lists what may be asked: TUNEGATE_ENDPOINTS=ADDRESS[=KEY_VARIABLE],... By default "
                "nothing may be.",
                errors=self.refused,
            )

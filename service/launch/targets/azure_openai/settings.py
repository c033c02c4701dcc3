"""Where managed jobs go: `[azure-openai]` of the targets file, each value also as TUNEGATE_AZURE_OPENAI_*."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

import msgspec

from service.errors import ErrorItem
from service.launch.targets.configured import (
    GROUP,
    REGION,
    SUBSCRIPTION,
    Shape,
    configured,
    place,
    require_none,
)
from service.settings import Settings

AZURE_OPENAI = "azure-openai"
TrainingType = Literal["Standard", "GlobalStandard", "Developer"]
_TABLE = AZURE_OPENAI
_HTTPS = r"https://[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?"
_LOOPBACK = r"http://(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?"
_SHAPES: dict[str, Shape] = {
    "endpoint": Shape(
        rf"(?:{_HTTPS}|{_LOOPBACK})(?:/api/projects/[A-Za-z0-9][A-Za-z0-9_.-]{{0,63}})?/?",
        "https://NAME.openai.azure.com or https://NAME.services.ai.azure.com/api/projects/PROJECT, without /openai/v1",
    ),
    "training_type": Shape("Standard|GlobalStandard|Developer", "Standard, GlobalStandard or Developer"),
    "region": REGION,
    "customer": Shape("new|existing", "new or existing: whether you tuned the model there before its base was retired"),
    "token_scope": Shape(r"https://[A-Za-z0-9.-]+/\.default", "a token scope, https://HOST/.default"),
    "key_file": Shape(r"/\S+|[A-Za-z]:\\.+", "the absolute path of a file that holds the key alone"),
    "subscription_id": SUBSCRIPTION,
    "resource_group": GROUP,
    "account": Shape(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,63}", "the resource's name"),
    "suffix": Shape(r"[A-Za-z0-9_-]{1,18}", "1 to 18 letters, digits, - and _ (no dot)"),
}
_RANGES = {"poll_seconds": (0.2, 3600)}
# who gives tokens for a host, by the end of its name (azure-ai-projects 2.10; Microsoft's samples for the others)
_SCOPES = {
    ".services.ai.azure.com": "https://ai.azure.com/.default",
    ".openai.azure.com": "https://cognitiveservices.azure.com/.default",
    ".cognitiveservices.azure.com": "https://cognitiveservices.azure.com/.default",
}
_KEYS = ("api_key", "key")


class AzureOpenAiSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One resource or project. The key is none of it: AZURE_OPENAI_API_KEY, a file, or DefaultAzureCredential."""

    endpoint: str
    # where the rows are processed is a choice that nobody makes for you: GlobalStandard may use any region
    training_type: TrainingType
    # the resource's region; Standard trains in it
    region: str = ""
    customer: Literal["", "new", "existing"] = ""
    # empty: by the end of the host's name
    token_scope: str = ""
    key_file: str = ""
    # of the tuned model's name; empty: made from the request
    suffix: str = ""
    # the resource in Azure's resource manager, for deployments; its name: empty where the host's begins with it
    subscription_id: str = ""
    resource_group: str = ""
    account: str = ""
    poll_seconds: float = 30.0

    @property
    def base_url(self) -> str:
        """Of the v1 API, which takes no api-version."""
        return f"{self.endpoint.rstrip('/')}/openai/v1/"

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).hostname or ""

    @property
    def account_name(self) -> str:
        return self.account or self.host.partition(".")[0]

    @property
    def resource(self) -> str:
        """The resource's id in Azure's resource manager."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.CognitiveServices/accounts/{self.account_name}"
        )

    @property
    def scope(self) -> str:
        """What a token is asked for; empty where the host's name does not tell."""
        found = (scope for ending, scope in _SCOPES.items() if self.host.endswith(ending))
        return self.token_scope or next(found, "")


def azure_openai_settings(settings: Settings) -> AzureOpenAiSettings:
    """The settings, the environment before the file.

    Raises:
        TuneGateError: `target_not_configured` with one item per value that is missing or unusable.
    """
    given = tuple((name, value) for name, value in settings.azure_openai if name not in _KEYS)
    where = configured(AzureOpenAiSettings, _TABLE, given, settings, shapes=_SHAPES, ranges=_RANGES)
    errors = [
        ErrorItem(place(_TABLE, name), "a key", "no key", "Give it as AZURE_OPENAI_API_KEY, or name its file: key_file")
        for name, _ in settings.azure_openai
        if name in _KEYS
    ]
    if where.training_type == "Standard" and not where.region:
        why = "Standard trains in the resource's region: name it."
        errors.append(ErrorItem(place(_TABLE, "region"), "nothing", _SHAPES["region"].said, why))
    require_none(_TABLE, errors, settings)
    return where

"""The adapter that KAITO pushed as an image: one layer, streamed, its hash compared, only the two expected files taken.

Credentials are those of docker login (DOCKER_CONFIG, else ~/.docker/config.json), helpers included.
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from service.errors import TuneGateError
from service.files import write_atomically
from service.launch.local import WORK
from service.launch.targets.kaito.admission import CONFIG_KEY, CONFIG_ROOT
from service.launch.targets.kaito.settings import KaitoSettings
from service.launch.targets.kaito.talking import REGISTRY, talking
from service.launch.targets.talking import unreachable
from service.launch.targets.target import Artifact, LaunchPlan
from service.models.folder import check_weights
from trainers.contract import Result

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_FILES = (_CONFIG, _WEIGHTS)
# how KAITO's pusher packs them
_FOLDER = "data/"
_PRESET = "sh.kaito.model.name"
# without those of lists a registry may say that a list is not there
_MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
)
_CHUNK = 1 << 20
_LARGEST = 32 << 30
_TIMEOUT = (10, 60)
_DOING = "fetching the adapter"


class Layer(msgspec.Struct, frozen=True):
    """A layer of the image as its manifest names it."""

    digest: str
    size: int
    mediaType: str  # noqa: N815 - the manifest's own name


class Outputs:
    """The image of one job."""

    def __init__(self, plan: LaunchPlan, where: KaitoSettings) -> None:
        self._plan, self._image = plan, f"{where.output_image}:{plan.name}"

    def listed(self) -> list[Artifact]:
        """The layers that hold the adapter."""
        return [Artifact(path="adapter", bytes=one.size, sha256=one.digest.partition(":")[2]) for one in self._layers()]

    def fetch(self, out: Path, *, tick: Callable[[], None]) -> None:
        """adapter/ and the proof of success in `out`.

        Raises:
            TuneGateError: `artifact_corrupt`, `target_unreachable`, `target_refused`, `remote_gone`.
        """
        work = out / WORK
        work.mkdir(parents=True, exist_ok=True)
        adapter = out / "adapter"
        shutil.rmtree(adapter, ignore_errors=True)
        adapter.mkdir()
        for layer in self._layers():
            path = work / "layer"
            self._download(layer, path, tick)
            _unpack(path, adapter, tick)
            path.unlink()
        self._require_sound(adapter)
        done = Result(status="succeeded", plan=self._plan.manifest["plan"])
        write_atomically(out / "result.json", msgspec.json.encode(done))

    def _layers(self) -> list[Layer]:
        with self._asked("manifests", self._container().tag or "latest") as answer:
            content = answer.json()
        try:
            layers = msgspec.convert(content["layers"], list[Layer])
        except (KeyError, TypeError, msgspec.ValidationError) as error:
            raise _corrupt("the registry's manifest lists no layers") from error
        preset = self._plan.manifest["workspace"]["tuning"]["preset"]["name"]
        named = (content.get("annotations") or {}).get(_PRESET, preset)
        if named != preset:
            raise _corrupt(f"the image is of preset {str(named)[:80]!r}, not {preset!r}")
        return [one for one in layers if "tar" in one.mediaType]

    def _download(self, layer: Layer, path: Path, tick: Callable[[], None]) -> None:
        digest, seen = hashlib.sha256(), 0
        with self._asked("blobs", layer.digest) as answer, path.open("wb") as handle, talking(_DOING):
            for chunk in answer.iter_content(_CHUNK):
                tick()
                digest.update(chunk)
                seen += handle.write(chunk)
                if seen > layer.size:
                    break
        if seen < layer.size:
            raise unreachable(_DOING, "the transfer was cut", who=REGISTRY)
        if seen != layer.size or layer.digest != f"sha256:{digest.hexdigest()}":
            raise _corrupt("a layer is not what the manifest says")

    def _asked(self, kind: str, reference: str) -> Any:
        from oras.provider import Registry

        container = self._container()
        with talking(_DOING):
            answer = _asking(container, Registry, kind, reference)
        if answer.status_code == 404:
            remedy = "The job ended without pushing its adapter: kubectl logs JOB -c pusher says why."
            raise TuneGateError("remote_gone", f"{self._image}: the registry has no such image.", remedy=remedy)
        if answer.status_code in {401, 403}:
            raise _no_login(container.registry)
        if answer.status_code >= 500 or answer.status_code == 429:
            raise unreachable(_DOING, f"status {answer.status_code}", who=REGISTRY)
        if not answer.ok:
            raise TuneGateError("target_refused", f"{_DOING}: the registry answers {answer.status_code}.")
        return answer

    def _container(self) -> Any:
        with talking("loading the registry client"):
            from oras.container import Container

            return Container(self._image)

    def _require_sound(self, adapter: Path) -> None:
        """The files are an adapter of the shape that was planned."""
        missing = [name for name in _FILES if not (adapter / name).is_file()]
        if missing:
            raise _corrupt(f"the image lacks {', '.join(missing)}")
        planned = json.loads(self._plan.manifest["config_map"]["data"][CONFIG_KEY])[CONFIG_ROOT]["LoraConfig"]
        try:
            made = json.loads((adapter / _CONFIG).read_bytes())
            shape = (made["peft_type"], made["r"], made["lora_alpha"])
        except (ValueError, KeyError, TypeError) as error:
            raise _corrupt(f"{_CONFIG} is no adapter's configuration") from error
        wanted = ("LORA", planned["r"], planned["lora_alpha"])
        if shape != wanted:
            raise _corrupt(f"the adapter is {shape}, planned was {wanted}")
        try:
            check_weights(adapter)
        except TuneGateError as error:
            raise _corrupt(f"{_WEIGHTS} cannot be read") from error


def registry_answer(image: str) -> tuple[str, int]:
    """The registry's host and what it answers for this image, with the credential that docker login left.

    Raises:
        TuneGateError: `target_unreachable`, `target_refused`.
    """
    with talking("asking the registry"):
        from oras.container import Container
        from oras.provider import Registry

        container = Container(image)
        reference = container.digest or container.tag or "latest"
        with _asking(container, Registry, "manifests", reference) as answer:
            return container.registry, int(answer.status_code)


def _asking(container: Any, kind_of: Any, kind: str, reference: str, login: str = "token") -> Any:
    from requests.exceptions import MissingSchema

    host = container.registry
    registry = kind_of(hostname=host, insecure=_loopback(host), auth_backend=login)
    # it sets no limit of its own
    registry.session.request = functools.partial(registry.session.request, timeout=_TIMEOUT)
    registry.auth.load_configs(container, _logins())
    # below its own retries, which sleep for minutes: jobs are asked again with pauses of their own
    ask = kind_of.do_request.__wrapped__
    address = f"{registry.prefix}://{host}/v2/{container.api_prefix}/{kind}/{reference}"
    try:
        return ask(registry, address, headers={"Accept": _MANIFEST_TYPES}, stream=True)
    except MissingSchema as error:
        # no token service is named: the registry wants name and password themselves
        if login == "basic" or not getattr(registry.auth, "_basic_auth", None):
            raise _no_login(host) from error
        return _asking(container, kind_of, kind, reference, "basic")
    except ValueError as error:
        # a credential that is missing, or that the registry's token service does not take
        raise _no_login(host) from error


def _logins() -> list[str]:
    """The file that DOCKER_CONFIG names, which the client does not look at."""
    folder = os.environ.get("DOCKER_CONFIG")
    path = Path(folder) / "config.json" if folder else None
    return [str(path)] if path is not None and path.is_file() else []


def _loopback(host: str) -> bool:
    name = host.rpartition(":")[0] or host
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _unpack(path: Path, adapter: Path, tick: Callable[[], None]) -> None:
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                if member.isdir() and f"{member.name}/" == _FOLDER:
                    continue
                name = member.name.removeprefix(_FOLDER)
                if name not in _FILES or not member.isreg() or member.size > _LARGEST:
                    raise _corrupt("the image holds other files than an adapter's")
                source = archive.extractfile(member)
                assert source is not None
                with (adapter / name).open("wb") as target:
                    for chunk in _chunks(source):
                        tick()
                        target.write(chunk)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise _corrupt("a layer cannot be unpacked") from error


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk


def _corrupt(why: str) -> TuneGateError:
    return TuneGateError("artifact_corrupt", f"What came back is not the adapter: {why}.", remedy="Launch it again.")


def _no_login(host: str) -> TuneGateError:
    remedy = f"docker login {host} (or az acr login), as the user that runs tunegate."
    return TuneGateError("target_refused", f"{host}: the registry does not let us read.", remedy=remedy)

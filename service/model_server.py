"""`python -m service.model_server [DIR]`: one model behind OpenAI's chat route, as a container of a cloud runs it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from service.errors import TuneGateError, missing_extra
from service.observe.logs import set_up_logs

# of the cloud's own door, which asks for the key
_PORT = 5001


def main(argv: list[str]) -> int:
    """Serve until ended; the exit code of the problem that keeps it from that."""
    parser = argparse.ArgumentParser(prog="python -m service.model_server", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="an artifact; default: where AZUREML_MODEL_DIR mounts it")
    parser.add_argument("--precision", help="of the artifact; default: its first")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=_PORT)
    given = parser.parse_args(argv)
    set_up_logs("json")
    try:
        _serve(given)
    except TuneGateError as error:
        print(f"{error.title}: {error.detail} {error.remedy}", file=sys.stderr)
        return error.exit_code
    return 0


def _serve(given: argparse.Namespace) -> None:
    try:
        import uvicorn

        from service.api.heads import IDLE_SECONDS
        from service.api.model import model_app
    except ImportError as error:
        raise missing_extra("service", "The model server", error) from error
    from service.verbs.serving import mounted, served

    with served(given.folder or mounted(), given.precision) as model:
        config = uvicorn.Config(
            model_app(model), host=given.host, port=given.port, log_config=None, log_level="warning", access_log=False,
            timeout_keep_alive=IDLE_SECONDS,
        )  # fmt: skip
        uvicorn.Server(config).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

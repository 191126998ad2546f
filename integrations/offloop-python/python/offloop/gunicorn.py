"""For gunicorn's command line: `--logger-class offloop.gunicorn.Logger`."""

from __future__ import annotations

from typing import Any

from gunicorn import glogging

from . import _install
from ._pipelines import reopen


class Logger(glogging.Logger):
    """gunicorn's own lines and its access log go where `offloop.install()` says.

    Where the program has not called that (in gunicorn's configuration file, for one), its
    configuration file is taken. SIGUSR1 has log files opened anew.
    """

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        if _install.installed() is None:
            _install.install()
        _install.take_over_servers()

    def _compute_access_log_enabled(self) -> bool:
        # By itself gunicorn has an access log only where it is told a file for it.
        return True

    def reopen_files(self) -> None:
        super().reopen_files()
        reopen()

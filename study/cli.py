"""The `study` command. One module of `study/commands/` a command; heavy imports wait until a command needs them."""

import sys
from importlib import import_module
from typing import NoReturn

import typer
from rich.console import Console

from study.errors import StudyError
from study.extras import EXTRA_OF, missing

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown",
                  help="Train a grid of models, fit a posterior of L(N, D), and render the study as a report.")

COMMANDS = (  # in the order `--help` lists them
    "corpus", "run", "status", "fit", "next", "predict", "atlas", "verify", "render", "reproduce", "plan", "calibrate",
    "published", "readme", "publish", "archive", "bench", "gpu-check", "kit",
)

for _name in COMMANDS:
    app.command(_name)(import_module(f"study.commands.{_name.replace('-', '_')}").command)


def main() -> None:
    """Run the command line: bad input, a disk that refuses or an extra that is missing is one line on stderr and exit code 2."""
    try:
        sys.exit(app(standalone_mode=False) or 0)  # a command returns None, or the code of its own exit
    except typer.Abort:
        _leave("stopped")
    except typer.TyperException as error:  # an option that is not known, or whose value is not one
        said = " ".join(getattr(error, "format_message", error.__str__)().split()).replace("Value error, ", "")
        if said:  # nothing, where help was printed
            _leave(said)
        sys.exit(2)
    except (StudyError, OSError) as error:
        _leave(_line(error))
    except ModuleNotFoundError as error:
        if error.name not in EXTRA_OF:
            raise
        _leave(missing(error.name, f"study {sys.argv[1]}"))


def _leave(line: str) -> NoReturn:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold]study:[/bold] {_escape(line)}")
    sys.exit(2)


def _line(error: StudyError | OSError) -> str:
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _escape(text: str) -> str:
    return text.replace("[", "\\[")


if __name__ == "__main__":
    main()

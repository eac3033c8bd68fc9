"""The command `regrant`: so far its version and its help."""

import click

from regrant import __version__


@click.group(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="regrant")
def main() -> None:
    """Keep an app's connections alive while its customers' people move to managed accounts.

    This release is a skeleton: it has no commands yet.
    """

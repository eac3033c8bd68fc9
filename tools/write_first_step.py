"""Write the first schema step anew from ``store.schema`` (only before the first release): ``python -m tools.write_first_step``."""

import asyncio
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from workbadge.store import steps
from workbadge.store.engine import StoreSettings
from workbadge.store.opening import make_store

VERSIONS = Path(steps.__file__).parent / "versions"
NAME = "0001"


def write(connection: Connection) -> None:
    """Autogenerate against an empty database; types of our own are written as what they are in the database."""
    for old in VERSIONS.glob(f"{NAME}_*.py"):
        old.unlink()
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    config.attributes["connection"] = connection
    command.revision(config, "first schema", autogenerate=True, rev_id=NAME)
    (made,) = VERSIONS.glob(f"{NAME}_*.py")
    text = re.sub(r"workbadge\.store\.schema\.Instant\(\)", "sa.BigInteger()", made.read_text())
    text = re.sub(r"\n *# ### (commands auto generated|end Alembic).*", "", text)
    made.write_text(text)
    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run([*ruff, "check", "--quiet", "--fix", "--select", "I", made], check=True)
    subprocess.run([*ruff, "format", "--quiet", made], check=True)


async def main() -> None:
    """On an empty SQLite database."""
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(StoreSettings(f"sqlite:///{folder}/empty.db"))
        await store.run_sync(write)
        await store.close()


if __name__ == "__main__":
    asyncio.run(main())

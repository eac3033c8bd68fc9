"""Write docs/reference.md from the code: scopes, reasons, edges, addresses. ``python -m tools.write_reference``."""

from pathlib import Path

from workbadge.console.routes import ROUTES
from workbadge.graph.applications import APP_CALLS
from workbadge.graph.changes import NODE_WRITES, SEAT_WRITES, Writes
from workbadge.graph.edges import NODE_EDGES, ROBOT_EDGES, SEAT_EDGES, USER_EDGES
from workbadge.graph.errors import TABLE
from workbadge.graph.extension import BUSINESS_POSTS, EXTENSION
from workbadge.graph.groups import GROUP_EDGES
from workbadge.graph.nodes import TYPES
from workbadge.graph.routes import APP_EDGES
from workbadge.oauth.described import TITLES
from workbadge.oauth.rfc6749.token import GRANTS
from workbadge.oauth.routes import OAUTH_SEGMENTS
from workbadge.oauth.standards import AUTHORIZE
from workbadge.oauth.standards import ROUTES as STANDARD_ROUTES
from workbadge.terms.kinds import NodeKind
from workbadge.terms.reasons import Reason
from workbadge.terms.scopes import SCOPES
from workbadge.web.openapi import first_sentence

PAGE = Path(__file__).parent.parent / "docs" / "reference.md"


def _written(writes: Writes) -> str:
    """Methods and edges of what is written; the node itself where no edge is named."""
    return ", ".join(f"`{method} {edge}`" if edge else f"`{method}`" for method, edge in writes) or "–"


def reference() -> str:
    """The page's text."""
    lines = ["# Reference", "", "Made by `python -m tools.write_reference`; a test fails when it is out of date.", ""]
    lines += ["## Scopes", "", "| scope | about | targets | what the dialog says |", "|---|---|---|---|"]
    for scope in SCOPES.values():
        targets = ", ".join(kind.value for kind in scope.targets) or "–"
        lines.append(f"| `{scope.name}` | {scope.audience.value} | {targets} | {scope.says} |")
    lines += ["", "## Reasons", "", "Why a decision came out as it did, and how a refusal reads on the wire.", ""]
    lines += ["| reason | code | subcode | what an app is told to do |", "|---|---|---|---|"]
    allowing = {
        Reason.PERSONAL_DATA,
        Reason.DIRECT_ROLE,
        Reason.MEMBERSHIP,
        Reason.SHARE,
        Reason.SYSTEM_USER,
        Reason.GRACE,
    }
    for reason in Reason:
        row = TABLE[reason]
        shown = "(allows)" if reason in allowing else str(row.code)
        lines.append(f"| `{reason.value}` | {shown} | {row.subcode or '–'} | {row.says or '–'} |")
    lines += ["", "## Nodes and edges of the graph", "", "| node | fields | edges | written |", "|---|---|---|---|"]
    for kind, node_type in TYPES.items():
        fields = ", ".join(
            f"`{name}`" for name in sorted({*node_type.fields, *node_type.expansions} - set(NODE_EDGES.get(kind, {})))
        )
        edges = ", ".join(f"`{name}`" for name in NODE_EDGES.get(kind, {})) or "–"
        lines.append(f"| {node_type.name} | {fields} | {edges} | {_written(NODE_WRITES.get(kind, {}))} |")
    lines.append(
        f"| User, SystemUser (`me`) | see `graph/people.py` | {', '.join(f'`{name}`' for name in USER_EDGES)} | – |"
    )
    inner = (("BusinessUser", NodeKind.MEMBERSHIP, SEAT_EDGES), ("SystemUser", NodeKind.ACCOUNT, ROBOT_EDGES))
    for name, kind, inside in inner:
        edges = ", ".join(f"`{one}`" for one in inside)
        lines.append(f"| {name} | see `graph/people.py` | {edges} | {_written(SEAT_WRITES[kind])} |")
    held = ", ".join(f"`{one}`" for one in GROUP_EDGES)
    lines.append(
        f"| BusinessAssetGroup | see `graph/groups.py` | {held} | {_written(SEAT_WRITES[NodeKind.ASSET_GROUP])} |"
    )
    invitation = _written(SEAT_WRITES[NodeKind.RECORD])
    lines.append(f"| BusinessRoleRequest (an invitation) | see `graph/members.py` | – | {invitation} |")
    calls = [f"`{name}` ({', '.join(methods)})" for name, methods in APP_CALLS.items()]
    lines.append(
        f"| Application | see `graph/people.py` | {', '.join([f'`{name}`' for name in APP_EDGES] + calls)} | – |"
    )
    lines += [
        "",
        "Besides: `POST /` with `batch` (guides/graph.md), `/debug_token`, `/?ids=`, `DELETE /me/permissions[/{permission}]`, "
        "`GET`, `POST`, `DELETE /{page}/subscribed_apps`.",
        "",
    ]
    posts = [f"`POST /{{business}}/{name}`" for name in BUSINESS_POSTS]
    posts += [f"`{method} /{path}`" for method, path in EXTENSION]
    lines += ["Login for Business and the Business Extension: " + ", ".join(posts) + ".", ""]
    lines += ["## Addresses of login and consent", "", ", ".join(f"`/{one}`" for one in sorted(OAUTH_SEGMENTS)), ""]
    lines += ["## Addresses of OAuth 2.0 and OpenID", "", "| address | method | what |", "|---|---|---|"]
    lines.append(f"| `{AUTHORIZE}` | GET, POST | the login of a person, in a browser |")
    for one in STANDARD_ROUTES:
        says = TITLES.get(one.path) or first_sentence(one.endpoint)
        lines.append(f"| `{one.path}{'{id}' if one.path.endswith('/') else ''}` | {', '.join(one.methods)} | {says} |")
    lines += ["", "Grant types: " + ", ".join(f"`{one}`" for one in GRANTS) + ".", ""]
    lines += ["## Addresses of a node", "", "| address | method | what |", "|---|---|---|"]
    lines.append("| `/ready` | GET | whether it may be given requests (guides/nodes.md) |")
    lines.append("| `/metrics` | GET | its clock, and how soon it sees changes, for Prometheus |")
    lines += ["", "## Addresses of the console", "", "| address | method | what |", "|---|---|---|"]
    for route in ROUTES:
        methods = ", ".join(sorted((route.methods or set()) - {"HEAD"}))
        says = (route.endpoint.__doc__ or "").strip().split("\n")[0].partition(": ")
        lines.append(f"| `{route.path}` | {methods} | {says[2] or says[0]} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(reference())

"""Tasks: what an assignment or a share allows on an asset (``wire.md`` §3.6, task values)."""

from enum import IntFlag

from .kinds import Act, NodeKind


class Task(IntFlag):
    """Rights on one asset; a set of them is stored as an integer."""

    ANALYZE = 1
    ADVERTISE = 2
    CREATE_CONTENT = 4
    MODERATE = 8
    MESSAGING = 16
    MANAGE = 32
    EDIT = 64
    UPLOAD = 128
    DRAFT = 256
    AA_ANALYZE = 512
    MANAGE_LEADS = 1024
    MANAGE_JOBS = 2048
    MANAGE_AR = 4096


NONE = Task(0)

SAYS: dict[Task, str] = {
    Task.ANALYZE: "See numbers and results",
    Task.ADVERTISE: "Create and run ads",
    Task.CREATE_CONTENT: "Write and remove content",
    Task.MODERATE: "Moderate comments",
    Task.MESSAGING: "Read and answer messages",
    Task.MANAGE: "Manage the asset itself",
    Task.EDIT: "Change its settings",
    Task.UPLOAD: "Upload data to it",
    Task.DRAFT: "Draft ads, without running them",
    Task.AA_ANALYZE: "See detailed analytics",
    Task.MANAGE_LEADS: "Manage leads",
    Task.MANAGE_JOBS: "Manage job offers",
    Task.MANAGE_AR: "Manage 3D and AR content",
}
"""What each task lets somebody do, in plain words."""

TASKS_OF: dict[NodeKind, Task] = {
    NodeKind.PAGE: Task.ADVERTISE
    | Task.ANALYZE
    | Task.CREATE_CONTENT
    | Task.MANAGE
    | Task.MESSAGING
    | Task.MODERATE
    | Task.MANAGE_JOBS
    | Task.MANAGE_LEADS,
    NodeKind.AD_ACCOUNT: Task.AA_ANALYZE | Task.ADVERTISE | Task.ANALYZE | Task.DRAFT | Task.MANAGE,
    NodeKind.PRODUCT_CATALOG: Task.AA_ANALYZE | Task.ADVERTISE | Task.MANAGE | Task.MANAGE_AR,
    NodeKind.PIXEL: Task.AA_ANALYZE | Task.ADVERTISE | Task.ANALYZE | Task.EDIT | Task.UPLOAD,
    NodeKind.INSTAGRAM_ACCOUNT: Task.ADVERTISE
    | Task.ANALYZE
    | Task.CREATE_CONTENT
    | Task.MANAGE
    | Task.MESSAGING
    | Task.MODERATE,
    NodeKind.WHATSAPP_ACCOUNT: Task.ANALYZE | Task.MANAGE | Task.MESSAGING,
}
"""Every task that exists on an asset of a kind."""

ADMIN_TASKS: dict[NodeKind, Task] = {**TASKS_OF, NodeKind.BUSINESS: Task.MANAGE}
"""What an admin holds on a node of a kind: everything on assets, and that which changing the business itself takes."""

_WRITERS: dict[NodeKind, Task] = {
    NodeKind.BUSINESS: Task.MANAGE,
    NodeKind.PAGE: Task.CREATE_CONTENT | Task.MANAGE,
    NodeKind.AD_ACCOUNT: Task.ADVERTISE | Task.MANAGE,
    NodeKind.PRODUCT_CATALOG: Task.MANAGE,
    NodeKind.PIXEL: Task.EDIT,
    NodeKind.INSTAGRAM_ACCOUNT: Task.CREATE_CONTENT | Task.MANAGE,
    NodeKind.WHATSAPP_ACCOUNT: Task.MANAGE,
}

_MANAGERS: dict[NodeKind, Task] = {
    **dict.fromkeys(TASKS_OF, Task.MANAGE),
    NodeKind.BUSINESS: Task.MANAGE,
    NodeKind.PIXEL: Task.EDIT,
}


def tasks_for(kind: NodeKind, act: Act) -> Task:
    """Tasks of which any one suffices for ``act`` on a node of ``kind`` (reading an asset: any task at all)."""
    if act is Act.MANAGE:
        return _MANAGERS.get(kind, NONE)
    return _WRITERS.get(kind, NONE) if act is Act.WRITE else TASKS_OF.get(kind, NONE)


def task_names(tasks: Task) -> list[str]:
    """Names of the tasks in the set, in a fixed order."""
    return [task.name or "" for task in Task if task in tasks]


def task_words(tasks: Task, kind: NodeKind) -> str:
    """Tasks on an asset of a kind as people read them; all that exist on it in one word."""
    return "Everything" if tasks == TASKS_OF[kind] else " · ".join(SAYS[task] for task in Task if task in tasks)


def parse_tasks(names: list[str], kind: NodeKind) -> Task:
    """The set named by ``names``. Raises ValueError naming the first task that ``kind`` does not have."""
    found = NONE
    for name in names:
        task = Task.__members__.get(name)
        if task is None or task not in TASKS_OF.get(kind, NONE):
            allowed = ", ".join(task_names(TASKS_OF.get(kind, NONE)))
            raise ValueError(f"expected tasks of a {kind.value} ({allowed}), got {name[:40]!r}")
        found |= task
    return found

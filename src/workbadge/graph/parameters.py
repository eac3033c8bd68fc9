"""Parameters of the graph's operations, by method and edge: what no route table can know.

Whoever adds a write adds its row: a test demands it. A read of a list has ``LIST`` besides.
"""

from workbadge.web.openapi import FLAG, NUMBER, Parameter

from .paging import LARGEST_LIMIT

FIELDS = Parameter("fields", "Which fields, with nested lists and modifiers: id,name,accounts.limit(3){id}")
LIST = (
    FIELDS,
    Parameter("limit", f"Items on a page: 25 unless asked, at most {LARGEST_LIMIT}", schema=NUMBER),
    Parameter("after", "A cursor: the page after it"),
    Parameter("before", "A cursor: the page before it"),
    Parameter("order", "chronological or reverse_chronological, where a list has an order"),
    Parameter("summary", "Adds a summary, where there is one", schema=FLAG),
)
NODE_ID = Parameter("id", "A node's id; an ad account's may carry act_", True, {"type": "string", "minLength": 1})

_OBJECT = Parameter("object", "user, page, permissions, application, managed_meta_account")
_APP_LIST = (
    Parameter("business", "Only this business"),
    Parameter("person", "Only this person, by the app's own id"),
    Parameter("until", "Only what ends by this instant"),
    Parameter("state", "at_risk, lost, or both"),
    Parameter("redirect_uri", "Where the login links lead back to: a registered address"),
)
_INSTALL = Parameter("fbe_external_business_id", "The install, by the app's own id of the business")
_USER = Parameter("user", "The person's place in the business, or a system user", True)
_SIXTY_DAYS = Parameter("set_token_expires_in_60_days", "A token of sixty days instead of one without end", schema=FLAG)
_PAGE = Parameter("page_id", "The page", True)
_AD_ACCOUNT = Parameter("adaccount_id", "The ad account", True)
_TASKS = Parameter("permitted_tasks", "What the business wants to do with it", True)
_TEST_USER = (
    Parameter("name", "The test user's name"),
    Parameter("installed", "Whether it has allowed the app already", schema=FLAG),
    Parameter("permissions", "What it has allowed, separated by commas"),
)
_GONE = (Parameter("uid", "The test user", True),)
PARAMETERS: dict[tuple[str, str], tuple[Parameter, ...]] = {
    ("POST", "feed"): (Parameter("message", "The text of the post", True),),
    ("GET", "permissions"): (
        Parameter("permission", "Only this one"),
        Parameter("status", "granted or declined"),
    ),
    ("DELETE", "permissions"): (Parameter("permission", "The one to take back; without it the app is taken off"),),
    ("GET", "reconnects"): _APP_LIST,
    ("POST", "accounts"): _TEST_USER,
    ("DELETE", "accounts"): _GONE,
    ("POST", "accounts/test-users"): _TEST_USER,
    ("DELETE", "accounts/test-users"): _GONE,
    ("GET", "subscriptions"): (),
    ("POST", "subscriptions"): (
        Parameter("object", _OBJECT.says, True),
        Parameter("callback_url", "Where changes are told; it must answer the handshake"),
        Parameter("fields", "Which changes, separated by commas"),
        Parameter("verify_token", "What the handshake says, so that the receiver knows it"),
        Parameter("include_values", "Whether what changed is told too", schema=FLAG),
    ),
    ("DELETE", "subscriptions"): (_OBJECT, Parameter("fields", "Only these fields of it")),
    ("GET", "assigned_users"): (Parameter("business", "The business whose people are meant", True),),
    ("POST", "assigned_users"): (
        _USER,
        Parameter("tasks", "What the person may do: exactly this", True),
        Parameter("business", "The business, if the person is in several"),
    ),
    ("DELETE", "assigned_users"): (_USER, Parameter("business", "The business, if the person is in several")),
    ("POST", "agencies"): (
        Parameter("business", "The partner to whom the asset is lent", True),
        Parameter("permitted_tasks", "What it may do: without it, what it asked for"),
    ),
    ("DELETE", "agencies"): (Parameter("business", "The partner from whom it is taken back", True),),
    ("DELETE", "clients"): (Parameter("business", "The business whose assets are given back", True),),
    ("POST", "owned_pages"): (_PAGE,),
    ("POST", "client_pages"): (_PAGE, _TASKS),
    ("DELETE", "pages"): (_PAGE,),
    ("POST", "owned_ad_accounts"): (_AD_ACCOUNT,),
    ("POST", "client_ad_accounts"): (_AD_ACCOUNT, _TASKS),
    ("DELETE", "ad_accounts"): (_AD_ACCOUNT,),
    ("POST", "business_asset_groups"): (Parameter("name", "The group's name", True),),
    **{
        (method, edge): (Parameter("asset_id", "The asset", True),)
        for method in ("POST", "DELETE")
        for edge in ("contained_pages", "contained_adaccounts", "contained_productcatalogs", "contained_pixels")
    },
    ("POST", "owned_businesses"): (
        Parameter("name", "The name of the business below", True),
        Parameter("vertical", "Its line of business"),
        Parameter("timezone_id", "The number of its time zone", schema=NUMBER),
    ),
    ("POST", "owned_apps"): (Parameter("app_id", "The app, which the caller administers", True),),
    ("GET", "authorized_adaccounts"): (Parameter("business", "Only those chosen in the name of this business"),),
    ("GET", "pending_users"): (Parameter("email", "Only the invitation to this address"),),
    ("POST", "business_users"): (
        Parameter("email", "Whom to invite", True),
        Parameter("role", "ADMIN or EMPLOYEE"),
    ),
    ("POST", "system_users"): (
        Parameter("name", "Its name", True),
        Parameter("role", "ADMIN or EMPLOYEE"),
        Parameter("system_user_id", "One that is there already, to be changed"),
    ),
    ("POST", "applications"): (Parameter("business_app", "The app to install on the system user", True),),
    ("POST", "access_tokens"): (
        Parameter("business_app", "The app that the token is for", True),
        Parameter("scope", "Permissions of the token", True),
        Parameter("appsecret_proof", "HMAC-SHA256 of the calling token under the app's secret", True),
        _SIXTY_DAYS,
    ),
    ("DELETE", "access_tokens"): (Parameter("business_app", "The app whose tokens are revoked", True),),
    ("POST", ""): (
        Parameter("role", "ADMIN or EMPLOYEE, of a person or a system user"),
        Parameter("name", "A new name, of a system user, a business or a group of assets"),
        Parameter("title", "What a person is there; empty: nothing"),
        Parameter("finance_permission", "EDITOR or ANALYST, of a person or a system user; empty: none"),
        Parameter("ip_permission", "REVIEWER, of a person or a system user; empty: none"),
        Parameter("vertical", "The line of business, of a business"),
        Parameter("timezone_id", "The number of the time zone, of a business", schema=NUMBER),
        Parameter("primary_page", "The page that stands for it, of a business"),
    ),
    ("DELETE", ""): (),
    ("POST", "access_token"): (
        Parameter("app_id", "The app that calls"),
        Parameter("scope", "Permissions, a subset of the install's"),
        _INSTALL,
    ),
    ("POST", "system_user_access_tokens"): (
        Parameter("system_user_id", "The system user, if the app installed several"),
        Parameter("asset", "Assets, a subset of the install's"),
        Parameter("scope", "Permissions, a subset of the install's"),
        Parameter("fetch_only", "Fails instead of making one", schema=FLAG),
        _SIXTY_DAYS,
    ),
    ("GET", "fbe_business"): (_INSTALL,),
    ("POST", "fbe_business"): (
        _INSTALL,
        Parameter("business_config", "A JSON object; it replaces the parts that it names", True),
    ),
    ("GET", "fbe_business/fbe_installs"): (_INSTALL,),
    ("DELETE", "fbe_business/fbe_installs"): (_INSTALL,),
    ("GET", "fbe_business/fbe_rollout_switches"): (_INSTALL,),
    ("POST", "commerce_partner_integrations_repair"): (_INSTALL,),
    ("GET", "subscribed_apps"): (),
    ("POST", "subscribed_apps"): (Parameter("subscribed_fields", "Which changes, separated by commas", True),),
    ("DELETE", "subscribed_apps"): (),
}

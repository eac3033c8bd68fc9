"""The peer: Authlib's authorization server on Flask doing introspection, on SQLite. ``python -m bench.authlib_site PORT FOLDER``."""

import sys
import time
from pathlib import Path
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import (
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_query_client_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Flask
from gunicorn.app.base import BaseApplication
from sqlalchemy import Column, Integer, create_engine, select
from sqlalchemy.orm import declarative_base, scoped_session, sessionmaker

Base: Any = declarative_base()


class Client(Base, OAuth2ClientMixin):
    """Who asks."""

    __tablename__ = "client"
    id = Column(Integer, primary_key=True)


class Token(Base, OAuth2TokenMixin):
    """What is asked about."""

    __tablename__ = "token"
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer)


def make_site(folder: Path) -> Flask:
    """A site with a token and an introspection endpoint."""
    engine = create_engine(f"sqlite:///{folder / 'authlib.db'}")
    Base.metadata.create_all(engine)
    session = scoped_session(sessionmaker(engine))
    client = Client(client_id="bench", client_secret="bench-secret", client_id_issued_at=int(time.time()))
    client.set_client_metadata(
        {
            "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "client_secret_basic",
            "scope": "",
        }
    )
    session.add(client)
    session.commit()
    session.remove()

    class Introspection(IntrospectionEndpoint):
        def query_token(self, token_string: str, token_type_hint: str) -> Any:
            return session.execute(select(Token).filter_by(access_token=token_string)).scalar_one_or_none()

        def check_permission(self, token: Any, client: Any, request: Any) -> bool:
            return bool(token.client_id == client.client_id)

        def introspect_token(self, token: Any) -> dict[str, Any]:
            return {
                "active": True,
                "client_id": token.client_id,
                "token_type": token.token_type,
                "scope": token.get_scope(),
                "exp": token.issued_at + token.expires_in,
                "iat": token.issued_at,
            }

    site = Flask(__name__)
    server = AuthorizationServer(
        site,
        query_client=create_query_client_func(session, Client),
        save_token=create_save_token_func(session, Token),
    )
    server.register_grant(ClientCredentialsGrant)
    server.register_endpoint(Introspection)
    site.post("/token", endpoint="token")(server.create_token_response)
    site.post("/introspect", endpoint="introspect")(lambda: server.create_endpoint_response("introspection"))
    site.teardown_appcontext(lambda error: session.remove())
    return site


class Server(BaseApplication):
    """One gunicorn worker that keeps connections."""

    def __init__(self, site: Flask, port: str) -> None:
        self.site, self.port = site, port
        super().__init__()

    def load_config(self) -> None:
        for key, value in {
            "bind": f"127.0.0.1:{self.port}",
            "threads": 4,
            "keepalive": 30,
            "loglevel": "error",
        }.items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        return self.site


if __name__ == "__main__":
    Server(make_site(Path(sys.argv[2])), sys.argv[1]).run()

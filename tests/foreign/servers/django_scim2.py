"""A SCIM server on loopback: the protocol is `django-scim2`'s, over Django and SQLite; only the tables are ours.

Argument: the bearer token. What an application must add to the library is added and nothing else: a table of people and
one of groups, and an adapter for the enterprise attributes and the telephone, which the library leaves out.

Prints one line when it is ready: `listening`, then JSON with the address.
"""

import json
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings

TOKEN = sys.argv[1]
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


server = make_server("127.0.0.1", 0, None, handler_class=Quiet)
origin = f"127.0.0.1:{server.server_port}"

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django_scim"],
    MIDDLEWARE=["__main__.signed_in"],
    ROOT_URLCONF="__main__",
    SECRET_KEY="opens nothing",
    USE_TZ=True,
    SCIM_SERVICE_PROVIDER={
        "SCHEME": "http",
        "NETLOC": origin,
        "AUTHENTICATION_SCHEMES": [{"type": "oauthbearertoken", "name": "OAuth Bearer Token"}],
        "GET_IS_AUTHENTICATED_PREDICATE": "builtins.bool",
        "USER_MODEL_GETTER": "__main__.person_model",
        "USER_ADAPTER": "__main__.PersonAdapter",
        "USER_FILTER_PARSER": "__main__.PersonFilter",
        "GROUP_MODEL": "__main__.Team",
    },
)
django.setup()

from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, models
from django.urls import include, path
from django_scim.filters import UserFilterQuery
from django_scim.models import AbstractSCIMGroupMixin, AbstractSCIMUserMixin


class Person(AbstractSCIMUserMixin):
    username = models.CharField(max_length=254, unique=True)
    first_name = models.CharField(max_length=254)
    last_name = models.CharField(max_length=254)
    email = models.CharField(max_length=254)
    telephone = models.CharField(max_length=254)
    department = models.CharField(max_length=254)
    number = models.CharField(max_length=254)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "django_scim"

    @property
    def scim_groups(self):
        return self.teams


class Team(AbstractSCIMGroupMixin):
    name = models.CharField(max_length=254, unique=True)
    user_set = models.ManyToManyField(Person, related_name="teams")

    class Meta:
        app_label = "django_scim"


def person_model():
    return Person


class PersonFilter(UserFilterQuery):
    model_getter = person_model
    attr_map = {**UserFilterQuery.attr_map, ("department", None, ENTERPRISE): "department"}


from django_scim.adapters import SCIMUser


class PersonAdapter(SCIMUser):
    def to_dict(self):
        phone = self.obj.telephone
        return {
            **super().to_dict(),
            "phoneNumbers": [{"type": "work", "value": phone}] if phone else [],
            ENTERPRISE: {"department": self.obj.department, "employeeNumber": self.obj.number},
        }

    def from_dict(self, d):
        super().from_dict(d)
        work = d.get(ENTERPRISE, {})
        self.obj.department = work.get("department", "")
        self.obj.number = work.get("employeeNumber", "")
        self.obj.telephone = next((phone["value"] for phone in d.get("phoneNumbers", [])), "")


def signed_in(answer):
    def middleware(request):
        request.user = request.headers.get("Authorization") == f"Bearer {TOKEN}"
        return answer(request)

    return middleware


urlpatterns = [path("scim/v2/", include("django_scim.urls"))]

with connection.schema_editor() as editor:
    editor.create_model(Person)
    editor.create_model(Team)

server.set_app(WSGIHandler())
print("listening", json.dumps({"origin": f"http://{origin}/scim/v2"}), flush=True)
server.serve_forever()

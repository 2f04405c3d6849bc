"""Django: introspection (inspectdb), ORM queries, annotate with GROUP BY, select_for_update."""

import io
import os

import django
from answers import restricted, show
from django.conf import settings

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["PGDATABASE"],
            "USER": os.environ["PGUSER"],
            "PASSWORD": os.environ["PGPASSWORD"],
            "HOST": os.environ["PGHOST"],
            "PORT": os.environ["PGPORT"],
            "OPTIONS": {"options": "-c search_path=crm"},
        }
    },
    INSTALLED_APPS=["crm"],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.core.management import call_command
from crm.models import Account, Opportunity
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, F, Max, Q, Sum, Window
from django.db.models.functions import Lower, RowNumber, TruncMonth


answers = {}
accounts = Account.objects.order_by("id")

with connection.cursor() as cursor:
    introspection = connection.introspection
    answers["tables"] = sorted(t.name for t in introspection.get_table_list(cursor) if t.name in ("account", "contact", "product"))
    answers["columns"] = [(c.name, c.type_code, c.null_ok) for c in introspection.get_table_description(cursor, "opportunity")]
    answers["relations"] = introspection.get_relations(cursor, "contact")
    answers["key"] = introspection.get_primary_key_column(cursor, "account")
    constraints = introspection.get_constraints(cursor, "contact")
    answers["constraints"] = sorted((n, c["columns"], c["primary_key"], c["unique"], c["index"]) for n, c in constraints.items())
out = io.StringIO()
call_command("inspectdb", "product", "opportunity", stdout=out)
answers["inspectdb"] = out.getvalue().splitlines()

answers["count"] = accounts.count()
answers["exists"] = [accounts.filter(id=1).exists(), accounts.filter(id=999999).exists()]
answers["values"] = list(accounts.values_list("id", "name", "phone", "created_at")[:10])
answers["filter"] = list(accounts.filter(Q(name__icontains="Ltd") | Q(name__contains="科技")).values_list("id", flat=True)[:20])
answers["in"] = list(accounts.filter(id__in=[1, 4, 41, 81]).values_list("id", "status"))
answers["related"] = [(o.id, o.account.name) for o in Opportunity.objects.select_related("account").order_by("id")[:10]]
answers["prefetch"] = [(a.id, sorted(o.id for o in a.opportunities.all())) for a in accounts.prefetch_related("opportunities")[:6]]
# GROUP BY the primary key with all other columns selected.
annotated = accounts.annotate(deals=Count("opportunities"), total=Sum("opportunities__amount"))
answers["annotate"] = [(a.id, a.name, a.phone, a.deals, a.total) for a in annotated[:15]]
answers["having"] = list(annotated.filter(deals__gt=1).values_list("id", "deals")[:10])
answers["aggregate"] = Opportunity.objects.aggregate(Sum("amount"), Max("created_at"), Count("id"))
answers["by_month"] = list(
    Opportunity.objects.annotate(month=TruncMonth("created_at")).values("month").annotate(n=Count("id")).order_by("month")
)
answers["window"] = list(
    Opportunity.objects.annotate(place=Window(RowNumber(), partition_by=F("stage"), order_by=F("id").asc()))
    .order_by("id").values_list("id", "place")[:10]
)
answers["distinct"] = list(Opportunity.objects.order_by("stage").values_list("stage", flat=True).distinct())
answers["lower"] = list(accounts.annotate(small=Lower("name")).values_list("small", flat=True)[:3])

with transaction.atomic():
    mine = accounts.filter(owner_id=104)
    answers["select_for_update"] = [a.id for a in mine.select_for_update()[:3]]
    answers["skip_locked"] = [a.id for a in mine.select_for_update(skip_locked=True, of=("self",))[:3]]
    answers["update"] = mine.filter(id__lt=100).update(note="called")
    account = accounts.get(id=1)
    answers["noted"] = account.note
    account.note = "saved"
    account.save(update_fields=["note"])
    answers["saved"] = accounts.values_list("note", flat=True).get(id=1)
    transaction.set_rollback(True)

answers["iterator"] = [a.id for a in accounts.iterator(chunk_size=10)]

if restricted():
    try:
        with transaction.atomic():
            Account.objects.create(id=900003, name="not mine", owner_id=103)
        answers["refused.create"] = None
    except DatabaseError as error:
        answers["refused.create"] = error.__cause__.sqlstate

show(answers)

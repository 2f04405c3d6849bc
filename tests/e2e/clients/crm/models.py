"""The sample CRM as a Django application with tables it does not manage."""

from django.db import models


class Account(models.Model):
    name = models.TextField()
    owner_id = models.IntegerField(null=True)
    department_id = models.IntegerField(null=True)
    phone = models.CharField(max_length=20, null=True)
    status = models.TextField(default="active")
    note = models.TextField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "crm"
        db_table = "account"
        managed = False


class Opportunity(models.Model):
    account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, related_name="opportunities")
    name = models.TextField()
    stage = models.CharField(max_length=20)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "crm"
        db_table = "opportunity"
        managed = False

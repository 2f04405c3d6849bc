"""SQLAlchemy 2: reflection, declarative ORM with relationships, eager loading, Core statements."""

import sqlalchemy
from answers import restricted, show
from sqlalchemy import ForeignKey, MetaData, Table, create_engine, func, inspect, select
from sqlalchemy.orm import DeclarativeBase, Session, joinedload, mapped_column, relationship, selectinload

answers = {}
engine = create_engine("postgresql+psycopg://")


class Base(DeclarativeBase):
    metadata = MetaData(schema="crm")


class Account(Base):
    __tablename__ = "account"
    id = mapped_column(sqlalchemy.BigInteger, primary_key=True)
    name = mapped_column(sqlalchemy.Text)
    owner_id = mapped_column(sqlalchemy.Integer)
    department_id = mapped_column(sqlalchemy.Integer)
    phone = mapped_column(sqlalchemy.String(20))
    contacts = relationship("Contact", back_populates="account", order_by="Contact.id")


class Contact(Base):
    __tablename__ = "contact"
    id = mapped_column(sqlalchemy.BigInteger, primary_key=True)
    account_id = mapped_column(ForeignKey("account.id"))
    owner_id = mapped_column(sqlalchemy.Integer)
    name = mapped_column(sqlalchemy.Text)
    phone = mapped_column(sqlalchemy.String(20))
    account = relationship("Account", back_populates="contacts")


# Reflection.
inspector = inspect(engine)
tables = ["account", "contact", "opportunity", "product"]
names = inspector.get_table_names(schema="crm")
answers["tables"] = sorted(name for name in names if name in tables)
answers["views"] = sorted(set(inspector.get_view_names(schema="crm")) & {"account_overview", "Opportunities"})
for table in tables:
    answers[f"{table}.columns"] = [
        (c["name"], str(c["type"]), c["nullable"], bool(c.get("computed"))) for c in inspector.get_columns(table, schema="crm")
    ]
    answers[f"{table}.key"] = inspector.get_pk_constraint(table, schema="crm")
    answers[f"{table}.foreign_keys"] = sorted(
        (k["name"], k["constrained_columns"], k["referred_table"]) for k in inspector.get_foreign_keys(table, schema="crm")
    )
    answers[f"{table}.indexes"] = sorted(
        (i["name"], i["column_names"], bool(i["unique"])) for i in inspector.get_indexes(table, schema="crm")
    )
answers["enums"] = [(e["name"], e["labels"]) for e in inspector.get_enums(schema="crm")]
reflected = Table("product", MetaData(), schema="crm", autoload_with=engine)

with engine.connect() as connection:
    answers["reflected"] = connection.execute(select(reflected.c.sku, reflected.c.price).order_by(reflected.c.id).limit(5)).all()

# ORM.
with Session(engine) as session:
    answers["get"] = [(a.id, a.name, a.phone) for a in [session.get(Account, 1), session.get(Account, 41)] if a]
    answers["missing"] = session.get(Account, 99999999) is None
    answers["count"] = session.scalar(select(func.count()).select_from(Account))
    page = session.scalars(select(Account).order_by(Account.id).limit(10).offset(2)).all()
    answers["page"] = [(a.id, a.name, a.phone, [c.name for c in a.contacts]) for a in page]
    eager = session.scalars(select(Account).options(selectinload(Account.contacts)).order_by(Account.id).limit(5)).all()
    answers["selectin"] = [(a.id, [(c.id, c.phone) for c in a.contacts]) for a in eager]
    joined = session.scalars(select(Contact).options(joinedload(Contact.account)).order_by(Contact.id).limit(8)).all()
    answers["joined"] = [(c.id, c.name, c.account.name if c.account else None) for c in joined]
    answers["group"] = session.execute(
        select(Account.id, Account.name, func.count(Contact.id)).outerjoin(Account.contacts).group_by(Account.id)
        .order_by(Account.id).limit(10)
    ).all()
    answers["for_update"] = [a.id for a in session.scalars(select(Account).where(Account.owner_id == 104).order_by(Account.id).limit(2).with_for_update())]
    # Unit of work, and back again.
    account = session.get(Account, 1)
    account.name = account.name + "!"
    session.add(Contact(id=900001, account_id=1, owner_id=104, name="测试"))
    session.flush()
    answers["flushed"] = session.scalars(select(Contact.name).where(Contact.id == 900001)).all()
    session.rollback()
    answers["rolled_back"] = session.scalars(select(Contact.name).where(Contact.id == 900001)).all()

if restricted():
    with Session(engine) as session:
        try:
            session.add(Contact(id=900002, account_id=1, owner_id=103, name="not mine"))
            session.flush()
            answers["refused.insert"] = None
        except sqlalchemy.exc.DBAPIError as error:
            answers["refused.insert"] = error.orig.sqlstate

show(answers)

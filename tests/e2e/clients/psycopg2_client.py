"""psycopg2: client-side parameters over the simple protocol, named cursors, COPY, transactions."""

import io

import psycopg2
import psycopg2.extras
from answers import READS, REFUSED, restricted, show

connection = psycopg2.connect("")
cursor = connection.cursor()
answers = {}

for name, sql, parameters in READS:
    cursor.execute(sql, parameters)
    answers[name] = cursor.fetchall()
    answers[name + ".columns"] = [(c.name, c.type_code) for c in cursor.description]
    answers[name + ".origins"] = [(c.table_oid, c.table_column) for c in cursor.description]
connection.commit()

with connection.cursor(name="walk") as walk:
    walk.itersize = 7
    walk.execute("SELECT id, phone FROM crm.account ORDER BY id")
    answers["server_cursor"] = [row for row in walk][:50]
connection.commit()

scroll = connection.cursor(name="scroll", scrollable=True)
scroll.execute("SELECT id FROM crm.account ORDER BY id")
scroll.scroll(5)
answers["scroll"] = scroll.fetchmany(2)
scroll.scroll(0, mode="absolute")
answers["scroll.back"] = scroll.fetchone()
scroll.close()
connection.commit()

# COPY is a verb of its own, which a representative does not have.
if not restricted():
    out = io.StringIO()
    cursor.copy_expert("COPY (SELECT id, name, phone FROM crm.account ORDER BY id LIMIT 10) TO STDOUT WITH CSV HEADER", out)
    answers["copy"] = out.getvalue()
    connection.commit()

dictionary = connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
dictionary.execute("SELECT id, name, attributes FROM crm.account WHERE id IN (1, 41, 81) ORDER BY id")
answers["dictionary"] = [dict(row) for row in dictionary.fetchall()]

# Writes, and back again.
cursor.execute("UPDATE crm.account SET note = 'seen' WHERE id IN (1, 4, 41)")
answers["update"] = cursor.rowcount
cursor.execute("SELECT note FROM crm.account WHERE id = 1")
answers["update.read"] = cursor.fetchall()
cursor.execute("SAVEPOINT s")
try:
    cursor.execute("SELECT 1 / 0")
except psycopg2.Error as error:
    answers["error"] = error.pgcode
    cursor.execute("ROLLBACK TO SAVEPOINT s")
cursor.execute("SELECT count(*) FROM crm.product")
answers["after_savepoint"] = cursor.fetchall()
cursor.execute(
    "INSERT INTO crm.account (id, name, owner_id) VALUES (%s, %s, %s) RETURNING id, name, department_id",
    (900001, "新客户 New", 104),
)
answers["insert"] = cursor.fetchall()
psycopg2.extras.execute_values(
    cursor,
    "INSERT INTO crm.account (id, name, owner_id) VALUES %s",
    [(900010 + i, f"bulk {i}", 104) for i in range(20)],
)
cursor.execute("SELECT count(*) FROM crm.account WHERE id > 900000")
answers["insert.count"] = cursor.fetchall()
cursor.copy_expert(
    "COPY crm.contact (id, account_id, owner_id, name) FROM STDIN WITH (FORMAT csv, HEADER)",
    io.StringIO("id,account_id,owner_id,name\n900001,1,104,\"a, b\"\n900002,1,104,c\n"),
)
answers["copy_in"] = cursor.rowcount
cursor.execute("SELECT id, owner_id, name FROM crm.contact WHERE id > 900000 ORDER BY id")
answers["copied_in"] = cursor.fetchall()
connection.rollback()
cursor.execute("SELECT count(*) FROM crm.account WHERE id > 900000")
answers["rolled_back"] = cursor.fetchall()
connection.commit()

if restricted():
    for name, sql in REFUSED:
        try:
            cursor.execute(sql)
            answers["refused." + name] = [cursor.rowcount, None]
        except psycopg2.Error as error:
            answers["refused." + name] = [None, error.pgcode]
        connection.rollback()

connection.close()
show(answers)

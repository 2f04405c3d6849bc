"""psycopg 3: server-side parameters, prepared statements, binary results, pipelines, COPY."""

import psycopg
from answers import READS, REFUSED, restricted, show

answers = {}
with psycopg.connect("") as connection:
    for name, sql, parameters in READS:
        for binary in (False, True):
            with connection.cursor(binary=binary) as cursor:
                cursor.execute(sql, parameters)
                answers[f"{name}.{'binary' if binary else 'text'}"] = cursor.fetchall()
                answers[f"{name}.columns"] = [(c.name, c.type_code) for c in cursor.description]

    connection.prepare_threshold = 2
    prepared = []
    for identifier in (1, 2, 4, 41, 81, 1):
        prepared.append(
            connection.execute("SELECT id, phone FROM crm.account WHERE id = %s", (identifier,), prepare=True).fetchall()
        )
    answers["prepared"] = prepared

    with connection.pipeline():
        cursors = [connection.execute("SELECT id, name FROM crm.account WHERE id = %s", (i,)) for i in (1, 2, 3, 41)]
        cursors.append(connection.execute("SELECT count(*) FROM crm.product"))
    answers["pipeline"] = [cursor.fetchall() for cursor in cursors]

    try:
        with connection.transaction():
            with connection.pipeline():
                connection.execute("SELECT 1")
                connection.execute("SELECT 1 / %s::int", (0,))
                connection.execute("SELECT 2")
    except psycopg.Error as error:
        answers["pipeline.error"] = error.sqlstate

    with connection.cursor() as cursor:
        cursor.executemany("SELECT name FROM crm.product WHERE id = %s", [(1,), (2,), (3,)], returning=True)
        many = [cursor.fetchone()]
        while cursor.nextset():
            many.append(cursor.fetchone())
        answers["executemany"] = many

    with psycopg.ServerCursor(connection, "walk") as walk:
        walk.itersize = 9
        walk.execute("SELECT id FROM crm.account ORDER BY id")
        answers["server_cursor"] = list(walk)

    with connection.cursor() as cursor:
        answers["stream"] = list(cursor.stream("SELECT id, phone FROM crm.account ORDER BY id LIMIT 30"))

    if not restricted():
        with connection.cursor() as cursor:
            with cursor.copy("COPY (SELECT id, created_at, tags FROM crm.account ORDER BY id LIMIT 9) TO STDOUT (FORMAT BINARY)") as copy:
                copy.set_types(["int8", "timestamptz", "text[]"])
                answers["copy.binary"] = list(copy.rows())

    # Writes, and back again.
    connection.commit()
    with connection.transaction(force_rollback=True):
        row = connection.execute(
            "INSERT INTO crm.opportunity (id, account_id, owner_id, name, stage, amount) VALUES (%s, 1, 104, %s, 'lead', %s)"
            " RETURNING id, department_id, amount",
            (900001, "新商机", 12.5),
        ).fetchall()
        answers["insert"] = row
        changed = connection.execute("UPDATE crm.opportunity SET amount = amount + 1 WHERE id = %s RETURNING amount", (900001,))
        answers["update"] = changed.fetchall()
        with connection.cursor() as cursor:
            for form in ("TEXT", "BINARY"):
                with cursor.copy(f"COPY crm.contact (id, account_id, owner_id, name) FROM STDIN (FORMAT {form})") as copy:
                    copy.set_types(["int8", "int8", "int4", "text"])
                    for number in range(200):
                        copy.write_row((900000 + number + (1000 if form == "BINARY" else 0), 1, 104, f"人\t{number}"))
                answers[f"copy_in.{form}"] = cursor.rowcount
            cursor.execute("SELECT count(*), min(name), max(name) FROM crm.contact WHERE id >= 900000")
            answers["copy_in"] = cursor.fetchall()
    answers["rolled_back"] = connection.execute("SELECT count(*) FROM crm.opportunity WHERE id > 900000").fetchall()
    connection.commit()

    if restricted():
        for name, sql in REFUSED:
            try:
                answers["refused." + name] = [connection.execute(sql).rowcount, None]
            except psycopg.Error as error:
                answers["refused." + name] = [None, error.sqlstate]
            connection.rollback()

show(answers)

"""asyncpg: binary protocol, prepared statements with type introspection, cursors, COPY, pools."""

import asyncio
import re

import asyncpg
from answers import READS, REFUSED, restricted, show


def positional(sql, parameters):
    """`%(name)s` as `$n`."""
    values = []

    def number(match):
        values.append(parameters[match.group(1)])
        return f"${len(values)}"

    return re.sub(r"%\((\w+)\)s", number, sql), values


async def main():
    answers = {}
    connection = await asyncpg.connect()
    for name, sql, parameters in READS:
        text, values = positional(sql, parameters)
        answers[name] = [list(row.values()) for row in await connection.fetch(text, *values)]
        statement = await connection.prepare(text)
        answers[name + ".columns"] = [(a.name, a.type.name, a.type.oid) for a in statement.get_attributes()]
        answers[name + ".parameters"] = [p.name for p in statement.get_parameters()]
        answers[name + ".again"] = [list(row.values()) for row in await statement.fetch(*values)]

    async with connection.transaction():
        walked = []
        async for row in connection.cursor("SELECT id FROM crm.account ORDER BY id", prefetch=8):
            walked.append(row["id"])
        answers["cursor"] = walked
        cursor = await connection.cursor("SELECT id, phone FROM crm.account ORDER BY id")
        await cursor.forward(3)
        answers["cursor.fetch"] = [list(row.values()) for row in await cursor.fetch(4)]

    await connection.execute("SELECT 1; SELECT 2")
    answers["fetchval"] = await connection.fetchval("SELECT count(*) FROM crm.contact WHERE account_id = $1", 1)

    transaction = connection.transaction()
    await transaction.start()
    await connection.executemany(
        "INSERT INTO crm.contact (id, account_id, owner_id, name) VALUES ($1, 1, 104, $2)",
        [(900000 + i, f"人 {i}") for i in range(5)],
    )
    answers["executemany"] = await connection.fetchval("SELECT count(*) FROM crm.contact WHERE id >= 900000")
    answers["update"] = await connection.execute("UPDATE crm.contact SET title = 'x' WHERE id >= 900000")
    answers["copy_in"] = await connection.copy_records_to_table(
        "contact",
        schema_name="crm",
        columns=["id", "account_id", "owner_id", "name"],
        records=[(901000 + i, 1, 104, f"人 {i}") for i in range(300)],
    )
    answers["copied_in"] = await connection.fetchval("SELECT count(*) FROM crm.contact WHERE id >= 901000")
    await transaction.rollback()
    answers["rolled_back"] = await connection.fetchval("SELECT count(*) FROM crm.contact WHERE id >= 900000")

    try:
        await connection.fetch("SELECT 1 / $1::int", 0)
    except asyncpg.PostgresError as error:
        answers["error"] = error.sqlstate

    if restricted():
        for name, sql in REFUSED:
            try:
                answers["refused." + name] = [int((await connection.execute(sql)).split()[-1]), None]
            except asyncpg.PostgresError as error:
                answers["refused." + name] = [None, error.sqlstate]
    await connection.close()

    async with asyncpg.create_pool(min_size=2, max_size=4) as pool:
        counts = await asyncio.gather(*(pool.fetchval("SELECT count(*) FROM crm.account") for _ in range(8)))
        answers["pool"] = counts
    show(answers)


asyncio.run(main())

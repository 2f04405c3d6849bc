// node-postgres: parameters, named statements, types, cursors, several statements, errors.
const { Client, Pool } = require('pg');
const Cursor = require('pg-cursor');

const restricted = process.env.EXPECT_REFUSALS === '1';
const answers = {};

async function main() {
  const client = new Client();
  await client.connect();
  const rows = async (text, values) => (await client.query({ text, values, rowMode: 'array' })).rows;

  answers.count = await rows('SELECT count(*) FROM crm.account');
  answers.star = (await client.query('SELECT * FROM crm.account ORDER BY id LIMIT 5')).rows;
  answers.fields = (await client.query('SELECT * FROM crm.account LIMIT 0')).fields.map((f) => [f.name, f.dataTypeID, f.dataTypeModifier]);
  answers.by_key = await rows('SELECT id, name, phone FROM crm.account WHERE id = $1', [1]);
  answers.not_mine = await rows('SELECT id, name, phone FROM crm.account WHERE id = $1', [4]);
  answers.any = await rows('SELECT id, tags, attributes, founded_on FROM crm.account WHERE id = ANY($1) ORDER BY id', [[1, 2, 41]]);
  answers.join = await rows(
    'SELECT a.id, c.name, o.amount FROM crm.account a JOIN crm.contact c ON c.account_id = a.id' +
    ' LEFT JOIN crm.opportunity o ON o.account_id = a.id WHERE a.status = $1 ORDER BY 1, 2, 3 LIMIT 20', ['active']);
  answers.chinese = (await client.query('SELECT * FROM crm.客户 ORDER BY 编号 LIMIT 3')).rows;

  const named = { name: 'account-by-id', text: 'SELECT id, phone FROM crm.account WHERE id = $1', rowMode: 'array' };
  answers.named = [];
  for (const id of [1, 2, 41, 1]) answers.named.push((await client.query({ ...named, values: [id] })).rows);

  const several = await client.query('SELECT count(*) FROM crm.product; SELECT count(*) FROM crm.account');
  answers.several = several.map((result) => result.rows);

  const cursor = client.query(new Cursor('SELECT id FROM crm.account ORDER BY id'));
  answers.cursor = [];
  for (let batch = await cursor.read(4); batch.length > 0; batch = await cursor.read(4)) answers.cursor.push(...batch.map((row) => row.id));
  await cursor.close();

  await client.query('BEGIN');
  const changed = await client.query("UPDATE crm.account SET note = 'node' WHERE id IN (1, 41)");
  answers.update = [changed.command, changed.rowCount];
  answers.noted = await rows('SELECT note FROM crm.account WHERE id = 1');
  const inserted = await client.query('INSERT INTO crm.account (id, name, owner_id) VALUES ($1, $2, 104) RETURNING id, department_id', [900001, '新']);
  answers.insert = [inserted.rowCount, inserted.rows];
  await client.query('ROLLBACK');

  try {
    await client.query('SELECT 1 FROM crm.no_such_table');
  } catch (error) {
    answers.missing = error.code;
  }
  try {
    await client.query('SELECT 1 +');
  } catch (error) {
    answers.syntax = [error.code, error.position];
  }
  answers.after_error = await rows('SELECT 1');

  if (restricted) {
    for (const [name, text] of [['delete', 'DELETE FROM crm.account WHERE id = 1'], ['table', 'SELECT * FROM crm.payment']]) {
      try {
        await client.query(text);
        answers['refused.' + name] = null;
      } catch (error) {
        answers['refused.' + name] = error.code;
      }
    }
  }
  await client.end();

  const pool = new Pool({ max: 3 });
  answers.pool = await Promise.all([1, 2, 3, 4, 5, 6].map(async () => (await pool.query('SELECT count(*)::int AS n FROM crm.account')).rows[0].n));
  await pool.end();
  console.log(JSON.stringify(answers));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

BEGIN; INSERT INTO account (id, name, owner_id) SELECT id, name, 7 FROM contact; DELETE FROM account WHERE id = 1; COMMIT

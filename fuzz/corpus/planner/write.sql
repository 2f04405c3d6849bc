UPDATE account a SET name = upper(a.name), amount = (SELECT max(price) FROM product) WHERE a.id = 5 AND a.phone LIKE '138%' RETURNING a.id, a.phone

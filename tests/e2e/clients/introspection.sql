-- What drivers, ORMs and BI tools ask the catalogue: statements of their shape, one below the other,
-- each behind a line that says who asks so. `tests/e2e/catalogue.rs` runs them.

-- psqlODBC SQLTables
select c.relname, n.nspname, c.relkind from pg_catalog.pg_class c, pg_catalog.pg_namespace n where c.relkind in ('r', 'v', 'm', 'f', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pg_temp_1') and c.relname !~ '^pg_|^dd_' and pg_catalog.has_schema_privilege(n.nspname, 'USAGE') and n.oid = c.relnamespace order by n.nspname, c.relname

-- psqlODBC SQLColumns
select n.nspname, c.relname, a.attname, a.atttypid, t.typname, a.attnum, a.attlen, a.atttypmod, a.attnotnull, c.relhasrules, c.relkind, c.oid, pg_catalog.pg_get_expr(d.adbin, d.adrelid), case t.typtype when 'd' then t.typbasetype else 0 end, t.typtypmod, 0, a.attidentity, c.relhassubclass from (((pg_catalog.pg_class c inner join pg_catalog.pg_namespace n on n.oid = c.relnamespace and c.relname = E'account' and n.nspname = E'crm') inner join pg_catalog.pg_attribute a on (not a.attisdropped) and a.attnum > 0 and a.attrelid = c.oid) inner join pg_catalog.pg_type t on t.oid = a.atttypid) left outer join pg_attrdef d on a.atthasdef and d.adrelid = a.attrelid and d.adnum = a.attnum order by n.nspname, c.relname, a.attnum

-- psqlODBC SQLPrimaryKeys
select ta.attname, ia.attnum, ic.relname, n.nspname, tc.relname from pg_catalog.pg_attribute ta, pg_catalog.pg_attribute ia, pg_catalog.pg_class tc, pg_catalog.pg_index i, pg_catalog.pg_namespace n, pg_catalog.pg_class ic where tc.relname = 'contact' and n.nspname = 'crm' and tc.oid = i.indrelid and n.oid = tc.relnamespace and i.indisprimary = 't' and ia.attrelid = i.indexrelid and ta.attrelid = i.indrelid and ta.attnum = i.indkey[ia.attnum - 1] and (not ta.attisdropped) and (not ia.attisdropped) and ic.oid = i.indexrelid order by ia.attnum

-- psqlODBC SQLStatistics
select c.relname, i.indkey, i.indisunique, i.indisclustered, a.amname, c.relhasrules, n.nspname, c.oid, d.relhasoids, i.indoption from (select 'x'::text as relhasoids) d, pg_catalog.pg_index i, pg_catalog.pg_class c, pg_catalog.pg_class t, pg_catalog.pg_am a, pg_catalog.pg_namespace n where t.relname = 'account' and n.nspname = 'crm' and t.oid = i.indrelid and n.oid = t.relnamespace and c.oid = i.indexrelid and c.relam = a.oid order by i.indisprimary desc, i.indisunique, n.nspname, c.relname

-- psqlODBC SQLForeignKeys
select 'crm'::name as "PKTABLE_CAT", n2.nspname as "PKTABLE_SCHEM", c2.relname as "PKTABLE_NAME", a2.attname as "PKCOLUMN_NAME", n1.nspname, c1.relname, a1.attname, i::int2 as "KEY_SEQ", case con.confupdtype when 'c' then 0::int2 else 3::int2 end as "UPDATE_RULE", con.conname, con.condeferrable from (select con.oid, con.conname, con.conkey, con.confkey, con.conrelid, con.confrelid, con.confupdtype, con.condeferrable, pg_catalog.generate_series(pg_catalog.array_lower(con.conkey, 1), pg_catalog.array_upper(con.conkey, 1)) as i from pg_catalog.pg_constraint con where con.contype = 'f') con, pg_catalog.pg_class c1, pg_catalog.pg_class c2, pg_catalog.pg_namespace n1, pg_catalog.pg_namespace n2, pg_catalog.pg_attribute a1, pg_catalog.pg_attribute a2 where c1.oid = con.conrelid and c2.oid = con.confrelid and n1.oid = c1.relnamespace and n2.oid = c2.relnamespace and a1.attrelid = con.conrelid and a1.attnum = con.conkey[i] and a2.attrelid = con.confrelid and a2.attnum = con.confkey[i] order by n1.nspname, c1.relname, con.conname, i

-- psqlODBC SQLTablePrivileges
select c.relname, u.usename, c.relacl, n.nspname from pg_catalog.pg_namespace n, pg_catalog.pg_class c, pg_catalog.pg_user u where u.usesysid = c.relowner and n.oid = c.relnamespace and n.nspname = 'crm' and pg_catalog.has_table_privilege(c.oid, 'select') order by 1

-- psqlODBC SQLProcedures
select p.proname as "PROCEDURE_NAME", p.pronargs, p.proretset, p.prorettype, p.proargtypes, n.nspname, p.oid, pg_catalog.pg_get_function_arguments(p.oid) from pg_catalog.pg_namespace n, pg_catalog.pg_proc p where p.pronamespace = n.oid and n.nspname like 'crm' order by 1

-- DBeaver databases
select db.oid, db.* from pg_catalog.pg_database db where not db.datistemplate and db.datallowconn order by db.datname

-- DBeaver schemas
select n.oid, n.*, d.description from pg_catalog.pg_namespace n left outer join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0 and d.classoid = 'pg_namespace'::regclass order by n.nspname

-- DBeaver tables
select c.oid, c.*, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr, pg_catalog.pg_get_partkeydef(c.oid) as partition_key from pg_catalog.pg_class c left outer join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'crm') and c.relkind not in ('i', 'I', 'c')

-- DBeaver columns
select c.relname, a.*, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value, dsc.description, dep.objid from pg_catalog.pg_attribute a inner join pg_catalog.pg_class c on a.attrelid = c.oid left outer join pg_catalog.pg_attrdef ad on a.attrelid = ad.adrelid and a.attnum = ad.adnum left outer join pg_catalog.pg_description dsc on c.oid = dsc.objoid and a.attnum = dsc.objsubid left outer join pg_depend dep on dep.refobjid = a.attrelid and dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid where not a.attisdropped and c.relkind not in ('i', 'I', 'c') and c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'crm') order by a.attnum

-- DBeaver constraints
select c.oid, c.*, t.relname as tabrelname, rt.relnamespace as refnamespace, d.description, case when c.contype = 'c' then "substring"(pg_catalog.pg_get_constraintdef(c.oid), 7) else null end consrc_copy from pg_catalog.pg_constraint c inner join pg_catalog.pg_class t on t.oid = c.conrelid left outer join pg_catalog.pg_class rt on rt.oid = c.confrelid left outer join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_constraint'::regclass order by c.oid

-- DBeaver indexes
select i.*, i.indkey as keys, c.relname, c.relnamespace, c.relam, c.reltablespace, tc.relname as tabrelname, dsc.description, pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr, pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr, pg_catalog.pg_relation_size(i.indexrelid) as index_rel_size from pg_catalog.pg_index i inner join pg_catalog.pg_class c on c.oid = i.indexrelid inner join pg_catalog.pg_class tc on tc.oid = i.indrelid left outer join pg_catalog.pg_description dsc on i.indexrelid = dsc.objoid where tc.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'crm') order by tc.relname, c.relname

-- DBeaver types
select t.oid, t.*, c.relkind, pg_catalog.format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description from pg_catalog.pg_type t left outer join pg_catalog.pg_type et on et.oid = t.typelem left outer join pg_catalog.pg_class c on c.oid = t.typrelid left outer join pg_catalog.pg_description d on t.oid = d.objoid where t.typname is not null and (c.relkind is null or c.relkind = 'c') and (et.typcategory is null or et.typcategory <> 'C')

-- DBeaver roles
select a.oid, a.*, pd.description from pg_catalog.pg_roles a left join pg_catalog.pg_shdescription pd on a.oid = pd.objoid order by a.rolname

-- DBeaver settings
select * from pg_catalog.pg_settings where name = 'standard_conforming_strings'

-- DataGrip relations
select t.relkind, t.relname, t.oid, t.relispartition, pg_catalog.pg_get_userbyid(t.relowner) as owner, t.reltablespace, t.reloptions, (select pg_catalog.array_agg(i.inhparent::bigint order by i.inhseqno) from pg_catalog.pg_inherits i where t.oid = i.inhrelid) as ancestors, (select pg_catalog.array_agg(i.inhrelid::bigint order by i.inhrelid) from pg_catalog.pg_inherits i where t.oid = i.inhparent) as successors, t.relpersistence from pg_catalog.pg_class t where t.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'crm') and t.relkind in ('r', 'm', 'v', 'f', 'p') order by t.relkind, t.oid

-- DataGrip columns
with t as (select oid from pg_catalog.pg_class where relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'crm') and relkind in ('r', 'v', 'm', 'f', 'p')) select c.attrelid, c.attnum, c.attname, c.xmin::text::int8 > 0, c.attisdropped, pg_catalog.format_type(c.atttypid, c.atttypmod), c.attnotnull, pg_catalog.pg_get_expr(d.adbin, d.adrelid), c.attidentity, c.attgenerated, c.attcollation from t join pg_catalog.pg_attribute c on c.attrelid = t.oid left join pg_catalog.pg_attrdef d on c.attrelid = d.adrelid and c.attnum = d.adnum where c.attnum > 0 order by c.attrelid, c.attnum

-- DataGrip descriptions
select d.objoid, d.objsubid, d.description, d.classoid::pg_catalog.regclass::pg_catalog.text from pg_catalog.pg_description d join pg_catalog.pg_class c on d.objoid = c.oid where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'crm')

-- DataGrip sources of views, triggers and rules
select r.ev_class, r.oid, r.rulename, pg_catalog.pg_get_viewdef(r.ev_class), pg_catalog.pg_get_ruledef(r.oid, true) from pg_catalog.pg_rewrite r join pg_catalog.pg_class c on c.oid = r.ev_class where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'crm')

-- DataGrip triggers
select t.tgrelid, t.oid, t.xmin::text::int8 > 0, t.tgname, t.tgfoid, pg_catalog.encode(t.tgargs, 'escape'), t.tgtype, t.tgenabled, t.tgattr, pg_catalog.pg_get_triggerdef(t.oid) from pg_catalog.pg_trigger t where not t.tgisinternal

-- DataGrip functions
select r.oid, r.proname, pg_catalog.pg_get_function_arguments(r.oid), pg_catalog.pg_get_functiondef(r.oid), r.prosrc, r.proargdefaults is not null, l.lanname from pg_catalog.pg_proc r join pg_catalog.pg_language l on l.oid = r.prolang where r.pronamespace = (select oid from pg_catalog.pg_namespace where nspname = 'crm') and not r.prokind = 'a'

-- SQLAlchemy get_table_oid
select c.oid from pg_catalog.pg_class c left join pg_catalog.pg_namespace n on n.oid = c.relnamespace where (pg_catalog.pg_table_is_visible(c.oid)) and c.relname = 'account' and c.relkind in ('r', 'v', 'm', 'f', 'p')

-- SQLAlchemy 2 columns
select a.attname as name, pg_catalog.format_type(a.atttypid, a.atttypmod) as format_type, (select pg_catalog.pg_get_expr(d.adbin, d.adrelid) as p from pg_catalog.pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum and a.atthasdef) as "default", a.attnotnull, c.relname as table_name, pd.description as comment, a.attgenerated, (select json_build_object('always', a.attidentity = 'a', 'start', s.seqstart, 'increment', s.seqincrement) from pg_catalog.pg_sequence s where a.attidentity != '' and s.seqrelid = pg_catalog.pg_get_serial_sequence(cast(cast(a.attrelid as regclass) as text), a.attname)::regclass::oid) as identity_options from pg_catalog.pg_class c left outer join pg_catalog.pg_attribute a on c.oid = a.attrelid and a.attnum > 0 and not a.attisdropped left outer join pg_catalog.pg_description pd on pd.objoid = a.attrelid and pd.objsubid = a.attnum join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind = any (array['r', 'p', 'f', 'v', 'm']) and n.nspname = 'crm' and c.relname in ('account', 'contact') order by c.relname, a.attnum

-- SQLAlchemy 2 unique and primary keys
select attr.conrelid, pg_catalog.array_agg(cast(attr.attname as text) order by attr.ord) as cols, attr.conname, min(attr.description) as description from (select con.conrelid, con.conname, con.conindid, con.description, con.ord, a.attname from pg_catalog.pg_attribute a join (select c.conrelid, c.conname, c.conindid, unnest(c.conkey) as attnum, generate_subscripts(c.conkey, 1) as ord, d.description from pg_catalog.pg_constraint c left outer join pg_catalog.pg_description d on d.objoid = c.oid where c.contype = 'p') con on a.attnum = con.attnum and a.attrelid = con.conrelid) attr group by attr.conrelid, attr.conname order by attr.conrelid, attr.conname

-- SQLAlchemy 2 foreign keys
select c.relname, r.conname, case when r.oid is not null then pg_catalog.pg_get_constraintdef(r.oid, true) end as condef, nr.nspname, pd.description from pg_catalog.pg_class c left outer join pg_catalog.pg_constraint r on c.oid = r.conrelid and r.contype = 'f' left outer join pg_catalog.pg_class cr on cr.oid = r.confrelid left outer join pg_catalog.pg_namespace nr on cr.relnamespace = nr.oid left outer join pg_catalog.pg_description pd on pd.objoid = r.oid join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = 'crm' and c.relkind = any (array['r', 'p', 'f']) order by c.relname, r.conname

-- SQLAlchemy 2 indexes
select i.indrelid, ci.relname, i.indisunique, con.conname is not null as has_constraint, i.indoption, am.amname, pg_catalog.pg_get_expr(i.indpred, i.indrelid) as filter, cols.elements from pg_catalog.pg_index i join (select idx.indexrelid, idx.indrelid, array_agg(cast(idx.attname as text) order by idx.ord) as elements from (select k.indexrelid, k.indrelid, k.ord, case when k.attnum = 0 then pg_catalog.pg_get_indexdef(k.indexrelid, k.ord + 1, true) else cast(a.attname as text) end as attname from (select indexrelid, indrelid, unnest(indkey) as attnum, generate_subscripts(indkey, 1) as ord from pg_catalog.pg_index where not indisprimary) k left outer join pg_catalog.pg_attribute a on a.attnum = k.attnum and a.attrelid = k.indrelid) idx group by idx.indexrelid, idx.indrelid) cols on i.indexrelid = cols.indexrelid join pg_catalog.pg_class ci on ci.oid = i.indexrelid join pg_catalog.pg_am am on ci.relam = am.oid left outer join pg_catalog.pg_constraint con on i.indrelid = con.conrelid and i.indexrelid = con.conindid and con.contype = any (array['p', 'u', 'x']) order by i.indrelid, ci.relname

-- SQLAlchemy enums and domains
select t.typname, pg_catalog.pg_type_is_visible(t.oid), n.nspname, l.labels from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace left outer join (select e.enumtypid, array_agg(cast(e.enumlabel as text) order by e.enumsortorder) as labels from pg_catalog.pg_enum e group by e.enumtypid) l on t.oid = l.enumtypid where t.typtype = 'e' order by n.nspname, t.typname

-- Django table list
select c.relname, case when c.relispartition then 'p' when c.relkind in ('m', 'v') then 'v' else 't' end, obj_description(c.oid, 'pg_class') from pg_catalog.pg_class c left join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('f', 'm', 'p', 'r', 'v') and n.nspname not in ('pg_catalog', 'pg_toast') and pg_catalog.pg_table_is_visible(c.oid)

-- Django constraints
select c.conname, array(select attname from unnest(c.conkey) with ordinality cols(colid, arridx) join pg_attribute as ca on cols.colid = ca.attnum where ca.attrelid = c.conrelid order by cols.arridx), c.contype, (select fkc.relname || '.' || fka.attname from pg_attribute as fka join pg_class as fkc on fka.attrelid = fkc.oid where fka.attrelid = c.confrelid and fka.attnum = c.confkey[1]), cl.reloptions from pg_constraint as c join pg_class as cl on c.conrelid = cl.oid where cl.relname = 'account'

-- Django indexes
select indexname, array_agg(attname order by arridx), indisunique, indisprimary, array_agg(ordering order by arridx), amname, exprdef, s2.attoptions from (select c2.relname as indexname, idx.*, attr.attname, am.amname, case when idx.indexprs is not null then pg_get_indexdef(idx.indexrelid) end as exprdef, case am.amname when 'btree' then case (option & 1) when 1 then 'DESC' else 'ASC' end end as ordering, c2.reloptions as attoptions from (select * from pg_index i, unnest(i.indkey, i.indoption) with ordinality koi(key, option, arridx)) idx left join pg_class c on idx.indrelid = c.oid left join pg_class c2 on idx.indexrelid = c2.oid left join pg_am am on c2.relam = am.oid left join pg_attribute attr on attr.attrelid = c.oid and attr.attnum = idx.key where c.relname = 'contact' and pg_catalog.pg_table_is_visible(c.oid)) s2 group by indexname, indisunique, indisprimary, amname, exprdef, attoptions

-- Rails columns
select a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull, a.atttypid, a.atttypmod, c.collname, col_description(a.attrelid, a.attnum) as comment, a.attidentity as identity, a.attgenerated as generated from pg_attribute a left join pg_attrdef d on a.attrelid = d.adrelid and a.attnum = d.adnum left join pg_type t on a.atttypid = t.oid left join pg_collation c on a.attcollation = c.oid and a.attcollation <> t.typcollation where a.attrelid = '"crm"."account"'::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum

-- Rails primary key
select a.attname from (select indrelid, indkey, generate_subscripts(indkey, 1) idx from pg_index where indrelid = '"crm"."account"'::regclass and indisprimary) i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[i.idx] order by i.idx

-- Rails types
select t.oid, t.typname, t.typelem, t.typdelim, t.typinput, r.rngsubtype, t.typtype, t.typbasetype from pg_type as t left join pg_range as r on t.oid = r.rngtypid where t.typname in ('int2', 'int4', 'text') or t.typtype in ('r', 'e', 'd') or t.typinput = 'array_in(cstring,oid,integer)'::regprocedure

-- Npgsql types
select ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid from (select typ.oid, typ.typnamespace, typ.typname, typ.typtype, typ.typrelid, typ.typnotnull, typ.relkind, elemtyp.oid as elemtypoid, elemtyp.typname as elemtypname, elemcls.relkind as elemrelkind, case when elemproc.proname = 'array_recv' then 'a' else elemtyp.typtype end as elemtyptype from (select typ.oid, typnamespace, typname, typrelid, typnotnull, relkind, typelem as elemoid, case when proc.proname = 'array_recv' then 'a' else typ.typtype end as typtype, case when proc.proname = 'array_recv' then typ.typelem when typ.typtype = 'r' then rngsubtype when typ.typtype = 'd' then typ.typbasetype end as elemtypoid from pg_type as typ left join pg_class as cls on (cls.oid = typ.typrelid) left join pg_proc as proc on proc.oid = typ.typreceive left join pg_range on (pg_range.rngtypid = typ.oid)) as typ left join pg_type as elemtyp on elemtyp.oid = elemtypoid left join pg_class as elemcls on (elemcls.oid = elemtyp.typrelid) left join pg_proc as elemproc on elemproc.oid = elemtyp.typreceive) as t join pg_namespace as ns on (ns.oid = typnamespace) where typtype in ('b', 'r', 'm', 'e', 'd') or (typtype = 'c' and relkind = 'c') order by case when typtype in ('b', 'e', 'p') then 0 when typtype = 'r' then 1 else 2 end

-- Npgsql composite fields
select typ.oid, att.attname, att.atttypid from pg_type as typ join pg_namespace as ns on (ns.oid = typ.typnamespace) join pg_class as cls on (cls.oid = typ.typrelid) join pg_attribute as att on (att.attrelid = typ.typrelid) where (typ.typtype = 'c' and cls.relkind = 'c') and attnum > 0 and not attisdropped order by typ.oid, att.attnum

-- TypeORM and Knex columns
select columns.*, pg_catalog.col_description(('"' || table_catalog || '"."' || table_schema || '"."' || table_name || '"')::regclass::oid, ordinal_position) as description, ('"' || udt_schema || '"."' || udt_name || '"')::"regtype"::text as regtype from information_schema.columns where table_schema = 'crm' and table_name = 'account'

-- Sequelize and Prisma indexes
select i.relname as name, ix.indisprimary, ix.indisunique, ix.indkey, array_agg(a.attnum) as column_indexes, array_agg(a.attname) as column_names, pg_get_indexdef(ix.indexrelid) as definition from pg_class t, pg_class i, pg_index ix, pg_attribute a where t.oid = ix.indrelid and i.oid = ix.indexrelid and a.attrelid = t.oid and t.relkind = 'r' and t.relname = 'account' group by i.relname, ix.indexrelid, ix.indisprimary, ix.indisunique, ix.indkey order by i.relname

-- Prisma tables
select tbl.relname as table_name, namespace.nspname as namespace, (tbl.relhassubclass and tbl.relkind = 'p') as is_partition, (tbl.relhassubclass and tbl.relkind = 'r') as has_subclass, tbl.relrowsecurity as has_row_level_security, obj_description(tbl.oid, 'pg_class') as description from pg_class as tbl inner join pg_namespace as namespace on namespace.oid = tbl.relnamespace where ((tbl.relkind = 'r' and tbl.relispartition = 't') or (tbl.relkind = 'r' and tbl.relispartition = 'f') or tbl.relkind = 'p') and namespace.nspname = any (array['crm', 'public']) order by namespace, table_name

-- Hasura and PostgREST relations
select n.nspname as table_schema, c.relname as table_name, d.description as table_description, (c.relkind in ('r', 'p') or (c.relkind in ('v', 'f') and (pg_relation_is_updatable(c.oid::regclass, true) & 8) = 8)) as insertable, coalesce((select array_agg(a.attname order by a.attname) from pg_attribute a join pg_index i on i.indrelid = a.attrelid and a.attnum = any (i.indkey) where i.indisprimary and i.indrelid = c.oid), '{}') as pk_cols from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_catalog.pg_description as d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass where c.relkind in ('v', 'r', 'm', 'f', 'p') and n.nspname not in ('pg_catalog', 'information_schema') order by table_schema, table_name

-- Metabase tables
select n.nspname as schema, c.relname as name, case c.relkind when 'r' then 'TABLE' when 'p' then 'PARTITIONED TABLE' when 'v' then 'VIEW' when 'f' then 'FOREIGN TABLE' when 'm' then 'MATERIALIZED VIEW' else null end as type, d.description as description, null as estimated_row_count from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid left join pg_catalog.pg_description as d on ((c.oid = d.objoid) and (d.objsubid = 0) and (d.classoid = 'pg_class'::regclass)) where (c.relnamespace = n.oid) and (n.nspname !~ '^pg_') and (n.nspname <> 'information_schema') and c.relkind in ('r', 'p', 'v', 'f', 'm') order by type, schema, name

-- Metabase privileges
with table_privileges as (select null as role, t.schemaname as schema, t.objectname as table, pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'update') as update, pg_catalog.has_table_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'select') as select from (select schemaname, tablename as objectname from pg_catalog.pg_tables union select schemaname, viewname as objectname from pg_views union select schemaname, matviewname as objectname from pg_matviews) t where t.schemaname !~ '^pg_' and t.schemaname <> 'information_schema' and pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage')) select t.* from table_privileges t

-- Superset and Tableau schemas
select nspname from pg_catalog.pg_namespace where nspname not like 'pg\_%' escape '\' order by nspname

-- Tableau privileges
select n.nspname, c.relname, c.relkind from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'v', 'm', 'f', 'p') and has_schema_privilege(n.nspname, 'USAGE') and has_table_privilege(c.oid, 'SELECT') and n.nspname not in ('pg_catalog', 'information_schema') order by 1, 2

-- Power BI
select table_schema, table_name, table_type from information_schema.tables where table_schema not in ('information_schema', 'pg_catalog') order by table_schema, table_name

-- Power BI relations
select pkcol.column_name as pk_column_name, fkcol.table_schema as fk_table_schema, fkcol.table_name as fk_table_name, fkcol.column_name as fk_column_name, fkcol.ordinal_position as ordinal, fkcon.constraint_schema || '_' || fkcol.table_name || '_' || fkcon.constraint_name as fk_name from (select distinct constraint_catalog, constraint_schema, unique_constraint_schema, constraint_name, unique_constraint_name from information_schema.referential_constraints) fkcon inner join information_schema.key_column_usage fkcol on fkcon.constraint_schema = fkcol.constraint_schema and fkcon.constraint_name = fkcol.constraint_name inner join information_schema.key_column_usage pkcol on fkcon.unique_constraint_schema = pkcol.constraint_schema and fkcon.unique_constraint_name = pkcol.constraint_name where fkcol.ordinal_position = pkcol.ordinal_position order by fk_name, fkcol.ordinal_position

-- pgAdmin nodes
select rel.oid, rel.relname as name, (select count(*) from pg_trigger where tgrelid = rel.oid and tgisinternal = false) as triggercount, (select count(1) from pg_inherits where inhrelid = rel.oid limit 1) as is_inherits, des.description from pg_class rel left outer join pg_description des on (des.objoid = rel.oid and des.objsubid = 0 and des.classoid = 'pg_class'::regclass) where rel.relkind in ('r', 's', 't', 'p') and not rel.relispartition and rel.relnamespace = (select oid from pg_namespace where nspname = 'crm') order by rel.relname

-- pgAdmin databases
select db.oid as did, db.datname as name, ta.spcname, db.datallowconn, pg_catalog.has_database_privilege(db.oid, 'CREATE') as cancreate, db.datdba as owner, descr.description from pg_catalog.pg_database db left outer join pg_catalog.pg_tablespace ta on db.dattablespace = ta.oid left outer join pg_catalog.pg_shdescription descr on (db.oid = descr.objoid and descr.classoid = 'pg_database'::regclass) order by db.datname

-- asyncpg types
with recursive typeinfo_tree(oid, ns, name, kind, basetype, elemtype, depth) as (select t.oid, ns.nspname, t.typname, t.typtype, t.typbasetype, t.typelem, 0 from pg_catalog.pg_type t join pg_catalog.pg_namespace ns on ns.oid = t.typnamespace where t.oid = any ('{16,23,25}'::oid[]) union all select t.oid, ns.nspname, t.typname, t.typtype, t.typbasetype, t.typelem, tt.depth + 1 from pg_catalog.pg_type t join pg_catalog.pg_namespace ns on ns.oid = t.typnamespace, typeinfo_tree tt where tt.elemtype <> 0 and t.oid = tt.elemtype) select distinct *, basetype::regtype::text as basetype_name from typeinfo_tree order by depth desc

-- dbt relations
select 'crm' as database, tablename as name, schemaname as schema, 'table' as type from pg_tables where schemaname ilike 'crm' union all select 'crm' as database, viewname as name, schemaname as schema, 'view' as type from pg_views where schemaname ilike 'crm' union all select 'crm' as database, matviewname as name, schemaname as schema, 'materialized_view' as type from pg_matviews where schemaname ilike 'crm'

-- dbt relation dependencies
with relation as (select pg_rewrite.ev_class as class, pg_rewrite.oid as id from pg_rewrite), class as (select oid as id, relname as name, relnamespace as schema, relkind as kind from pg_class), dependency as (select distinct pg_depend.objid as id, pg_depend.refobjid as ref from pg_depend), schema as (select pg_namespace.oid as id, pg_namespace.nspname as name from pg_namespace where nspname != 'information_schema' and nspname not like 'pg\_%'), referenced as (select relation.id as id, referenced_class.name, referenced_class.schema, referenced_class.kind from relation join class as referenced_class on relation.class = referenced_class.id where referenced_class.kind in ('r', 'v', 'm')) select distinct s.name as referenced_schema, r.name as referenced_name, rs.name as dependent_schema, d.name as dependent_name from referenced r join schema s on s.id = r.schema join dependency dp on dp.id = r.id join class d on d.id = dp.ref join schema rs on rs.id = d.schema order by 1, 2, 3, 4

-- everything
select * from pg_catalog.pg_class

-- everything
select a.* from pg_catalog.pg_attribute a

-- everything
select * from pg_catalog.pg_constraint

-- everything
select * from pg_catalog.pg_proc p where p.pronamespace <> 11

-- everything
select c.oid, to_jsonb(c) from pg_catalog.pg_class c

-- everything
select * from pg_catalog.pg_depend d where d.objid >= 16384

-- everything
select * from pg_catalog.pg_type

-- everything
select * from pg_catalog.pg_description where objoid >= 16384

-- everything
select * from information_schema.columns

-- everything
select * from information_schema.tables

-- everything
select * from information_schema.table_privileges

-- everything
select * from information_schema.column_privileges

-- everything
select * from information_schema.role_table_grants

-- everything
select * from information_schema.views

-- everything
select * from information_schema.view_column_usage

-- everything
select * from information_schema.view_table_usage

-- everything
select * from information_schema.triggers

-- everything
select * from information_schema.routines where specific_schema <> 'pg_catalog'

-- everything
select * from information_schema.parameters where specific_schema <> 'pg_catalog'

-- everything
select * from information_schema.check_constraints

-- everything
select * from information_schema.key_column_usage

-- everything
select * from information_schema.constraint_column_usage

-- everything
select * from information_schema.sequences

-- everything
select * from information_schema.schemata

-- everything
select * from information_schema.applicable_roles

-- everything
select * from information_schema.enabled_roles

-- everything
select * from pg_catalog.pg_indexes

-- everything
select * from pg_catalog.pg_tables

-- everything
select * from pg_catalog.pg_views

-- everything
select * from pg_catalog.pg_matviews

-- everything
select * from pg_catalog.pg_sequences

-- everything
select * from pg_catalog.pg_rules

-- everything
select * from pg_catalog.pg_policies

-- everything
select * from pg_catalog.pg_roles

-- everything
select * from pg_catalog.pg_user

-- everything
select * from pg_catalog.pg_settings

-- everything
select * from pg_catalog.pg_cursors

-- everything
select * from pg_catalog.pg_prepared_statements

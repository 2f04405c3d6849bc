// The PostgreSQL JDBC driver: metadata, server-side prepare, fetch size, batches, generated keys.
import java.sql.*;
import java.util.*;

public class JdbcClient {
    private static final Map<String, Object> ANSWERS = new TreeMap<>();

    public static void main(String[] arguments) throws Exception {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        Properties login = new Properties();
        login.setProperty("user", System.getenv("PGUSER"));
        login.setProperty("password", System.getenv("PGPASSWORD"));
        login.setProperty("prepareThreshold", "3");
        boolean restricted = "1".equals(System.getenv("EXPECT_REFUSALS"));
        try (Connection connection = DriverManager.getConnection(url, login)) {
            metadata(connection.getMetaData());
            reads(connection);
            writes(connection);
            if (restricted) {
                refusals(connection);
            }
        }
        System.out.println(json(ANSWERS));
    }

    private static void metadata(DatabaseMetaData metadata) throws SQLException {
        List<String> tables = new ArrayList<>();
        Set<String> ours = Set.of("account", "contact", "opportunity", "product", "account_overview", "客户");
        try (ResultSet row = metadata.getTables(null, "crm", "%", new String[] {"TABLE", "VIEW"})) {
            while (row.next()) {
                if (ours.contains(row.getString("TABLE_NAME"))) {
                    tables.add(row.getString("TABLE_NAME") + " " + row.getString("TABLE_TYPE"));
                }
            }
        }
        Collections.sort(tables);
        ANSWERS.put("tables", tables);
        for (String table : List.of("account", "contact", "客户")) {
            ANSWERS.put(table + ".columns", rows(metadata.getColumns(null, "crm", table, "%"), "COLUMN_NAME", "DATA_TYPE", "TYPE_NAME", "COLUMN_SIZE", "NULLABLE"));
            ANSWERS.put(table + ".key", rows(metadata.getPrimaryKeys(null, "crm", table), "COLUMN_NAME", "KEY_SEQ", "PK_NAME"));
            ANSWERS.put(table + ".indexes", rows(metadata.getIndexInfo(null, "crm", table, false, true), "INDEX_NAME", "COLUMN_NAME", "NON_UNIQUE", "ORDINAL_POSITION"));
        }
        ANSWERS.put("imported", rows(metadata.getImportedKeys(null, "crm", "contact"), "PKTABLE_NAME", "PKCOLUMN_NAME", "FKCOLUMN_NAME"));
        ANSWERS.put("schemas", rows(metadata.getSchemas(null, "crm"), "TABLE_SCHEM"));
        ANSWERS.put("product", metadata.getDatabaseProductName());
    }

    private static void reads(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            ANSWERS.put("count", rows(statement.executeQuery("SELECT count(*) AS n FROM crm.account"), "n"));
            ResultSet star = statement.executeQuery("SELECT * FROM crm.account ORDER BY id LIMIT 3");
            ResultSetMetaData shape = star.getMetaData();
            List<Object> columns = new ArrayList<>();
            String[] names = new String[shape.getColumnCount()];
            for (int i = 1; i <= shape.getColumnCount(); i++) {
                names[i - 1] = shape.getColumnName(i);
                columns.add(List.of(shape.getColumnName(i), shape.getColumnTypeName(i), shape.getPrecision(i)));
            }
            ANSWERS.put("star.columns", columns);
            ANSWERS.put("star", rows(star, names));
        }
        // The same statement often enough that the driver prepares it on the server and asks for binary.
        List<Object> prepared = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement("SELECT id, name, phone, credit_limit, created_at FROM crm.account WHERE id = ? AND status <> ?")) {
            for (long id : new long[] {1, 2, 4, 41, 81, 1, 41, 121}) {
                statement.setLong(1, id);
                statement.setString(2, "archived");
                prepared.add(rows(statement.executeQuery(), "id", "name", "phone", "credit_limit", "created_at"));
            }
        }
        ANSWERS.put("prepared", prepared);
        try (PreparedStatement statement = connection.prepareStatement("SELECT id FROM crm.account WHERE id = ANY (?) ORDER BY id")) {
            statement.setArray(1, connection.createArrayOf("bigint", new Object[] {1L, 2L, 41L}));
            ANSWERS.put("array", rows(statement.executeQuery(), "id"));
        }
        // A portal that is fetched in steps.
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(5);
            ANSWERS.put("fetch_size", rows(statement.executeQuery("SELECT id, phone FROM crm.account ORDER BY id"), "id", "phone"));
        }
        try (Statement statement = connection.createStatement()) {
            statement.setMaxRows(4);
            ANSWERS.put("max_rows", rows(statement.executeQuery("SELECT id FROM crm.contact ORDER BY id"), "id"));
        }
        connection.commit();
        connection.setAutoCommit(true);
    }

    private static void writes(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (PreparedStatement statement = connection.prepareStatement("INSERT INTO crm.contact (id, account_id, owner_id, name) VALUES (?, 1, 104, ?)", new String[] {"id"})) {
            statement.setLong(1, 900001);
            statement.setString(2, "新人");
            ANSWERS.put("insert", statement.executeUpdate());
            ANSWERS.put("generated", rows(statement.getGeneratedKeys(), "id"));
        }
        try (PreparedStatement statement = connection.prepareStatement("INSERT INTO crm.contact (id, account_id, owner_id, name) VALUES (?, 1, 104, ?)")) {
            for (int i = 0; i < 5; i++) {
                statement.setLong(1, 900010 + i);
                statement.setString(2, "batch " + i);
                statement.addBatch();
            }
            ANSWERS.put("batch", Arrays.toString(statement.executeBatch()));
        }
        try (Statement statement = connection.createStatement()) {
            ANSWERS.put("update", statement.executeUpdate("UPDATE crm.account SET note = 'jdbc' WHERE id IN (1, 41)"));
            Savepoint savepoint = connection.setSavepoint();
            try {
                statement.executeQuery("SELECT 1 / 0");
            } catch (SQLException error) {
                ANSWERS.put("error", error.getSQLState());
                connection.rollback(savepoint);
            }
            ANSWERS.put("after_savepoint", rows(statement.executeQuery("SELECT count(*) AS n FROM crm.contact WHERE id > 900000"), "n"));
        }
        connection.rollback();
        connection.setAutoCommit(true);
    }

    private static void refusals(Connection connection) throws SQLException {
        Map<String, String> refused = new LinkedHashMap<>();
        refused.put("delete", "DELETE FROM crm.account WHERE id = 1");
        refused.put("table", "SELECT * FROM crm.payment");
        for (Map.Entry<String, String> entry : refused.entrySet()) {
            try (Statement statement = connection.createStatement()) {
                statement.execute(entry.getValue());
                ANSWERS.put("refused." + entry.getKey(), null);
            } catch (SQLException error) {
                ANSWERS.put("refused." + entry.getKey(), error.getSQLState());
            }
        }
    }

    private static List<Object> rows(ResultSet result, String... columns) throws SQLException {
        List<Object> rows = new ArrayList<>();
        try (result) {
            while (result.next()) {
                List<Object> row = new ArrayList<>();
                for (String column : columns) {
                    row.add(result.getString(column));
                }
                rows.add(row);
            }
        }
        return rows;
    }

    private static String json(Object value) {
        if (value == null || value instanceof Number || value instanceof Boolean) {
            return String.valueOf(value);
        }
        StringBuilder text = new StringBuilder();
        if (value instanceof Map<?, ?> map) {
            map.forEach((key, item) -> text.append(text.length() == 0 ? "" : ",").append(json(key)).append(':').append(json(item)));
            return "{" + text + "}";
        }
        if (value instanceof List<?> list) {
            list.forEach(item -> text.append(text.length() == 0 ? "" : ",").append(json(item)));
            return "[" + text + "]";
        }
        for (char c : value.toString().toCharArray()) {
            text.append(c == '"' || c == '\\' ? "\\" + c : c < ' ' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        }
        return "\"" + text + "\"";
    }
}

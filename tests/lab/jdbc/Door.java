import java.sql.*;
import java.util.*;

/**
 * What a JDBC program does with the server: prepared statements with every common parameter, the switch to binary transfer, a
 * cursor with a fetch size, cancel, metadata. Run from source: {@code java -cp postgresql.jar Door.java URL USER TOKEN}; prints
 * {@code ok NAME} for each check and ends with the first that fails.
 */
public class Door {
    interface Check { void run(Connection connection) throws Exception; }

    static String url;
    static Properties login = new Properties();

    public static void main(String[] arguments) throws Exception {
        url = arguments[0];
        login.setProperty("user", arguments[1]);
        login.setProperty("password", arguments[2]);
        check("parameters", Door::parameters);
        check("nulls", Door::nulls);
        check("binary", Door::binary);
        check("fetch size", Door::fetchSize);
        check("several results", Door::severalResults);
        check("max rows", Door::maxRows);
        check("transaction", Door::transaction);
        check("cancel", Door::cancel);
        check("copy", Door::copy);
        check("metadata", Door::metadata);
        check("refusal", Door::refusal);
    }

    static void check(String name, Check check) throws Exception {
        try (Connection connection = DriverManager.getConnection(url, login)) {
            check.run(connection);
        }
        System.out.println("ok " + name);
    }

    static void same(Object expected, Object found) {
        if (!Objects.equals(expected, found)) throw new AssertionError("expected " + expected + ", found " + found);
    }

    static long number(Connection c, String sql, Object... parameters) throws SQLException {
        try (PreparedStatement statement = c.prepareStatement(sql)) {
            for (int i = 0; i < parameters.length; i++) statement.setObject(i + 1, parameters[i]);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getLong(1);
            }
        }
    }

    static void parameters(Connection c) throws Exception {
        String count = "select count(*) from sys_invocation where ";
        long all = number(c, count + "true");
        long completed = number(c, count + "status = 'completed'");
        if (completed == 0 || completed == all) throw new AssertionError(completed + " of " + all);
        Timestamp epoch = new Timestamp(0);
        same(completed, number(c, count + "status = ?", "completed"));
        same(all - completed, number(c, count + "status <> ?", "completed"));
        same(all, number(c, count + "created_at > ?", epoch));
        same(0L, number(c, count + "created_at < ?", epoch));
        same(completed, number(c, count + "(status = 'completed') = ?", true));
        same(number(c, count + "journal_size > 2"), number(c, count + "journal_size > ?", 2L));
        same(completed, number(c, count + "status = any(?)", c.createArrayOf("text", new String[] {"completed"})));
        try (PreparedStatement s = c.prepareStatement("select ?::text, ?::bigint, ?::timestamptz, ?::boolean, ?::bytea, ?::float8")) {
            Timestamp time = Timestamp.valueOf("2026-01-01 12:34:56.123456");
            byte[] bytes = {0, 1, -1, 39, 92};
            s.setString(1, "gr\u00fc\u00df 'x'");
            s.setLong(2, Long.MIN_VALUE);
            s.setTimestamp(3, time);
            s.setBoolean(4, true);
            s.setBytes(5, bytes);
            s.setDouble(6, -0.1);
            // More often than pgjdbc's prepareThreshold: text at first, then binary.
            for (int i = 0; i < 10; i++) {
                ResultSet row = s.executeQuery();
                row.next();
                same("gr\u00fc\u00df 'x'", row.getString(1));
                same(Long.MIN_VALUE, row.getLong(2));
                same(time, row.getTimestamp(3));
                same(true, row.getBoolean(4));
                same(Arrays.toString(bytes), Arrays.toString(row.getBytes(5)));
                same(-0.1, row.getDouble(6));
            }
        }
    }

    static void nulls(Connection c) throws Exception {
        try (PreparedStatement s = c.prepareStatement("select ?::text, ?::bigint, ?::timestamptz, ?::boolean")) {
            s.setNull(1, Types.VARCHAR);
            s.setNull(2, Types.BIGINT);
            s.setNull(3, Types.TIMESTAMP_WITH_TIMEZONE);
            s.setNull(4, Types.BOOLEAN);
            for (int i = 0; i < 10; i++) {
                ResultSet row = s.executeQuery();
                row.next();
                for (int column = 1; column <= 4; column++) same(null, row.getObject(column));
            }
        }
        try (PreparedStatement s = c.prepareStatement("select count(*) from sys_invocation where status = ?")) {
            s.setNull(1, Types.VARCHAR);
            ResultSet row = s.executeQuery();
            row.next();
            same(0L, row.getLong(1));
        }
    }

    /** The same rows in text and, behind the threshold, in binary. */
    static void binary(Connection c) throws Exception {
        String sql = "select id, created_at, journal_size, retry_count, status = 'completed', completion_result from sys_invocation order by id";
        List<List<Object>> text;
        try (Statement s = c.createStatement()) {
            text = all(s.executeQuery(sql));
        }
        if (text.isEmpty()) throw new AssertionError("no invocations");
        try (PreparedStatement s = c.prepareStatement(sql)) {
            s.unwrap(org.postgresql.PGStatement.class).setPrepareThreshold(1);
            for (int i = 0; i < 3; i++) same(text, all(s.executeQuery()));
        }
    }

    static List<List<Object>> all(ResultSet rows) throws SQLException {
        List<List<Object>> all = new ArrayList<>();
        int width = rows.getMetaData().getColumnCount();
        while (rows.next()) {
            List<Object> row = new ArrayList<>();
            for (int i = 1; i <= width; i++) row.add(rows.getObject(i));
            all.add(row);
        }
        return all;
    }

    /** A cursor of 100 rows at a time over 100,000, in text and in binary. */
    static void fetchSize(Connection c) throws Exception {
        c.setAutoCommit(false);
        for (int threshold : new int[] {0, 1}) {
            try (PreparedStatement s = c.prepareStatement("select n::bigint, 'row ' || n from generate_series(1, 100000) as t(n)")) {
                s.unwrap(org.postgresql.PGStatement.class).setPrepareThreshold(threshold);
                s.setFetchSize(100);
                ResultSet rows = s.executeQuery();
                long count = 0;
                while (rows.next()) {
                    count++;
                    same(count, rows.getLong(1));
                    same("row " + count, rows.getString(2));
                }
                same(100_000L, count);
            }
        }
        c.commit();
    }

    static void severalResults(Connection c) throws Exception {
        try (Statement s = c.createStatement()) {
            same(true, s.execute("select 1; select 2"));
            s.getResultSet().next();
            same(1, s.getResultSet().getInt(1));
            same(true, s.getMoreResults());
            s.getResultSet().next();
            same(2, s.getResultSet().getInt(1));
            same(false, s.getMoreResults());
        }
        same(true, c.isValid(5));
    }

    static void maxRows(Connection c) throws Exception {
        try (Statement s = c.createStatement()) {
            s.setMaxRows(7);
            same(7, all(s.executeQuery("select * from generate_series(1, 100)")).size());
        }
    }

    static void transaction(Connection c) throws Exception {
        c.setReadOnly(true);
        c.setAutoCommit(false);
        try (Statement s = c.createStatement()) {
            try {
                s.executeQuery("select nonsense");
                throw new AssertionError("no error");
            } catch (SQLException error) {
                same("42703", error.getSQLState());
            }
            try {
                s.executeQuery("select 1");
                throw new AssertionError("no error");
            } catch (SQLException error) {
                same("25P02", error.getSQLState());
            }
            c.rollback();
            same(1L, number(c, "select 1"));
            Savepoint point = c.setSavepoint("a");
            c.rollback(point);
            c.commit();
        }
    }

    static void cancel(Connection c) throws Exception {
        try (Statement s = c.createStatement()) {
            Thread other = new Thread(() -> {
                try {
                    Thread.sleep(500);
                    s.cancel();
                } catch (Exception error) {
                    error.printStackTrace();
                }
            });
            other.start();
            try {
                s.executeQuery("select count(*) from generate_series(1, 1000000000000) as t(n) where n % 7 = 8");
                throw new AssertionError("not cancelled");
            } catch (SQLException error) {
                same("57014", error.getSQLState());
            }
            other.join();
        }
        same(1L, number(c, "select 1"));
    }

    static void copy(Connection c) throws Exception {
        java.io.StringWriter text = new java.io.StringWriter();
        long rows = c.unwrap(org.postgresql.PGConnection.class).getCopyAPI()
            .copyOut("copy (select n, 'x' from generate_series(1, 3) as t(n)) to stdout (format csv)", text);
        same(3L, rows);
        same("1,x\n2,x\n3,x\n", text.toString());
    }

    static void metadata(Connection c) throws Exception {
        DatabaseMetaData data = c.getMetaData();
        same("PostgreSQL", data.getDatabaseProductName());
        same(15, data.getDatabaseMajorVersion());
        Set<String> tables = new TreeSet<>();
        try (ResultSet rows = data.getTables(null, "public", "%", new String[] {"TABLE"})) {
            while (rows.next()) tables.add(rows.getString("TABLE_NAME"));
        }
        same(true, tables.containsAll(List.of("state", "sys_invocation", "sys_journal", "sys_service")));
        Map<String, String> columns = new TreeMap<>();
        try (ResultSet rows = data.getColumns(null, "public", "sys_invocation", "%")) {
            while (rows.next()) columns.put(rows.getString("COLUMN_NAME"), rows.getString("TYPE_NAME"));
        }
        same("text", columns.get("id"));
        same("timestamptz", columns.get("created_at"));
        same("int8", columns.get("journal_size"));
        try (ResultSet rows = data.getPrimaryKeys(null, "public", "sys_invocation")) {
            same(true, rows.next());
            same("id", rows.getString("COLUMN_NAME"));
        }
    }

    static void refusal(Connection c) throws Exception {
        try (Statement s = c.createStatement()) {
            s.executeUpdate("insert into sys_invocation (id) values ('x')");
            throw new AssertionError("written");
        } catch (SQLException error) {
            same("25006", error.getSQLState());
        }
        Properties wrong = new Properties();
        wrong.setProperty("user", "other");
        wrong.setProperty("password", login.getProperty("password"));
        try {
            DriverManager.getConnection(url, wrong).close();
            throw new AssertionError("let in");
        } catch (SQLException error) {
            same("28P01", error.getSQLState());
        }
    }
}

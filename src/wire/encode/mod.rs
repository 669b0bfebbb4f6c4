//! Arrow record batches → `DataRow` messages and COPY data, column by column.

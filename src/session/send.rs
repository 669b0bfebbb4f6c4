//! Results to the client: rows and COPY data, encoded as they come and sent in large pieces. At most one output buffer and
//! one record batch of a result are held here.

use pgwire::messages::{
    copy::{CopyDone, CopyOutResponse},
    data::{FieldDescription, NoData, RowDescription},
    response::CommandComplete,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Session,
    interrupt::{Interrupt, Stop},
    portal::ResultSet,
    rows::Rows,
    written::Written,
};
use crate::{
    Result, limits,
    wire::{
        backend,
        encode::{CopyEncoder, CopyForm, CopyOptions, Format, RowEncoder},
        types::{self, Origin},
    },
};

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Sends rows, at most `rows_max`; how many there were, and whether more may follow.
    pub(super) async fn send_rows(
        &mut self,
        result: &mut ResultSet,
        formats: &[Format],
        rows_max: u64,
        interrupt: &Interrupt,
    ) -> Result<(u64, bool), Stop> {
        let written = Written::new(result.schema(), formats);
        let mut encoder = RowEncoder::new(written.schema(), formats, &self.backend.settings.heeded().style)?;
        let mut sent = 0;
        while sent < rows_max {
            let next = self.backend.next(result, rows_max - sent);
            let Some(batch) = interrupt.race(&mut self.connection, next).await? else {
                return Ok((sent, false));
            };
            let batch = written.batch(self.backend.model(), batch)?;
            let mut row = 0;
            while row < batch.num_rows() {
                let out = &mut self.connection.out;
                row = encoder.encode_until(&batch, row..batch.num_rows(), limits::WRITE_BUFFER_SIZE, out)?;
                self.connection.is_wanted = true;
                self.flush_if_full(interrupt).await?;
            }
            sent += batch.num_rows() as u64;
        }
        Ok((sent, true))
    }

    /// Sends a whole COPY TO STDOUT.
    pub(super) async fn send_copy(
        &mut self,
        mut rows: Rows,
        options: CopyOptions,
        interrupt: &Interrupt,
    ) -> Result<(), Stop> {
        let format = if options.form == CopyForm::Binary {
            Format::Binary
        } else {
            Format::Text
        };
        let written = Written::new(rows.schema(), &[format]);
        let mut encoder = CopyEncoder::new(written.schema(), options, &self.backend.settings.heeded().style)?;
        let format = encoder.format().code();
        let columns = i16::try_from(encoder.width()).unwrap_or(i16::MAX);
        let formats = vec![format; encoder.width()];
        let overall = i8::from(encoder.format() == Format::Binary);
        backend::put(
            &mut self.connection.out,
            &CopyOutResponse::new(overall, columns, formats),
        );
        encoder.start(&mut self.connection.out)?;
        let mut sent: u64 = 0;
        while let Some(batch) = interrupt.race(&mut self.connection, rows.next(u64::MAX)).await? {
            let batch = written.batch(self.backend.model(), batch)?;
            let mut row = 0;
            while row < batch.num_rows() {
                let out = &mut self.connection.out;
                row = encoder.encode_until(&batch, row..batch.num_rows(), limits::WRITE_BUFFER_SIZE, out)?;
                self.connection.is_wanted = true;
                self.flush_if_full(interrupt).await?;
            }
            sent += batch.num_rows() as u64;
        }
        encoder.finish(&mut self.connection.out)?;
        backend::put(&mut self.connection.out, &CopyDone::new());
        self.complete(&format!("COPY {sent}"));
        Ok(())
    }

    async fn flush_if_full(&mut self, interrupt: &Interrupt) -> Result<(), Stop> {
        if self.connection.is_full() {
            interrupt.flush(&mut self.connection).await?;
        }
        Ok(())
    }

    /// What the client is warned of: told before the statement's end, be it good or bad.
    pub(super) fn put_warnings(&mut self) {
        for (code, words) in std::mem::take(&mut self.backend.warnings) {
            backend::put_warning(&mut self.connection.out, code, &words);
        }
    }

    /// CommandComplete, and before it what the client is warned of. What gave it rows has given them.
    pub(super) fn complete(&mut self, tag: &str) {
        self.put_warnings();
        self.backend.busy = None;
        backend::put(&mut self.connection.out, &CommandComplete::new(tag.to_owned()));
        self.connection.is_wanted = true;
    }

    /// RowDescription of a result, or NoData for what gives no rows.
    pub(super) fn put_description(&mut self, schema: Option<&arrow::datatypes::Schema>, formats: &[Format]) {
        let Some(schema) = schema else {
            backend::put(&mut self.connection.out, &NoData::new());
            return;
        };
        let described =
            crate::wire::encode::FieldDescription::of(schema, formats, &self.backend.settings.heeded().style);
        let fields = schema.fields().iter().zip(described).map(|(field, described)| {
            let Origin { table, column } = types::origin(field);
            FieldDescription::new(
                described.name,
                table.cast_signed(),
                column,
                types::type_oid(field, &described.ty.ty),
                described.ty.typlen(),
                described.ty.typmod,
                described.format.code(),
            )
        });
        backend::put(&mut self.connection.out, &RowDescription::new(fields.collect()));
    }
}

//! SHOW: parameters, and what other databases' SHOW says of tables.

use arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast;

use super::{parsed_query, text_batch, text_schema};
use crate::{
    Result,
    query::{Plan, statement::Show},
    session::{
        portal::{Kind, ResultSet},
        rows::Rows,
        settings,
        state::{Answer, Backend},
    },
};

impl Backend {
    pub(super) fn show_schema(show: &Show) -> SchemaRef {
        match show {
            Show::Parameter(name) => text_schema(&[settings::parameter(name).map_or(name, |parameter| parameter.name)]),
            Show::All => text_schema(&["name", "setting", "description"]),
            Show::Tables => text_schema(&["table_catalog", "table_schema", "table_name", "table_type"]),
            Show::Columns(_) => text_schema(&["column_name", "data_type", "is_nullable"]),
        }
    }

    pub(super) async fn show(&mut self, show: &Show) -> Result<Answer> {
        let columns: Vec<Vec<String>> = match show {
            Show::Parameter(parameter) => vec![vec![self.settings.lock().get(parameter)?]],
            Show::All => {
                let (mut names, mut values, mut descriptions) = (Vec::new(), Vec::new(), Vec::new());
                for (parameter, value) in self.settings.lock().all() {
                    names.push(parameter.name.to_owned());
                    values.push(value);
                    descriptions.push(parameter.short_desc.to_owned());
                }
                vec![names, values, descriptions]
            }
            Show::Tables => {
                let sql = "SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables \
                           ORDER BY table_schema, table_name";
                return self.show_query(sql).await;
            }
            Show::Columns(table) => {
                let scope = self.scope().await?;
                // The table must exist; its columns are then what `information_schema` says of it.
                Plan::new(&scope, parsed_query(&format!("SELECT * FROM {table}"))?, &[])?;
                let mut parts = table.0.iter().rev().filter_map(|part| part.as_ident());
                let (name, schema) = (parts.next().map(lower), parts.next().map(lower));
                let sql = format!(
                    "SELECT column_name, data_type, is_nullable FROM information_schema.columns \
                     WHERE table_schema = {} AND table_name = {} ORDER BY ordinal_position",
                    quoted(schema.as_deref().unwrap_or("public")),
                    quoted(name.as_deref().unwrap_or_default()),
                );
                return self.show_query(&sql).await;
            }
        };
        let batch = text_batch(Self::show_schema(show), columns)?;
        Ok(Answer::Rows(ResultSet::new(Kind::Show, Rows::of(batch))))
    }

    async fn show_query(&mut self, sql: &str) -> Result<Answer> {
        let rows = self.query_rows(&parsed_query(sql)?, sql.len()).await?;
        Ok(Answer::Rows(ResultSet::new(Kind::Select, rows)))
    }
}

fn lower(ident: &ast::Ident) -> String {
    if ident.quote_style.is_some() {
        ident.value.clone()
    } else {
        ident.value.to_lowercase()
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

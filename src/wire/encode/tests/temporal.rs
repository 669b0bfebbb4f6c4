use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use chrono_tz::Tz;

use super::*;
use crate::wire::encode::{DateForm, DateOrder, IntervalStyle, Zone};

#[test]
fn dates_reach_from_julian_day_zero_to_the_year_5874897() {
    let days = vec![
        20781, 0, -1, 11016, -719162, -719163, -735160, -2440588, 2145042905, 3789392,
    ];
    assert_golden(
        Arc::new(Date32Array::from(days)),
        "",
        &[
            ("2026-11-24", "00002660"),
            ("1970-01-01", "ffffd533"),
            ("1969-12-31", "ffffd532"),
            ("2000-02-29", "0000003b"),
            ("0001-01-01", "fff4dbf9"),
            ("0001-12-31 BC", "fff4dbf8"),
            ("0044-03-15 BC", "fff49d7b"),
            ("4714-11-24 BC", "ffda97a7"),
            ("5874897-12-31", "7fda970c"),
            ("12345-01-02", "0039a783"),
        ],
    );
    assert_golden(
        Arc::new(Date64Array::from(vec![0, -1])),
        "",
        &[("1970-01-01", "ffffd533"), ("1969-12-31", "ffffd532")],
    );
    for days in [i32::MIN, -2440589, i32::MAX] {
        assert_eq!(
            refusal(Arc::new(Date32Array::from(vec![days])), "", Format::Text),
            ("22008", "date out of range".into())
        );
    }
}

#[test]
fn times_drop_trailing_zeros() {
    let micros = vec![0, 36_000_520_000, 86_399_999_999, 86_400_000_000, 3_723_000_001];
    assert_golden(
        Arc::new(Time64MicrosecondArray::from(micros)),
        "",
        &[
            ("00:00:00", "0000000000000000"),
            ("10:00:00.52", "0000000861cc5740"),
            ("23:59:59.999999", "000000141dd75fff"),
            ("24:00:00", "000000141dd76000"),
            ("01:02:03.000001", "00000000dde878c1"),
        ],
    );
    let nanos = Time64NanosecondArray::from(vec![36_000_520_000_999, 0]);
    assert_golden(
        Arc::new(nanos),
        "",
        &[("10:00:00.52", "0000000861cc5740"), ("00:00:00", "0000000000000000")],
    );
    assert_golden(
        Arc::new(Time32SecondArray::from(vec![0, 86400])),
        "",
        &[("00:00:00", "0000000000000000"), ("24:00:00", "000000141dd76000")],
    );
    assert_eq!(
        refusal(Arc::new(Time32SecondArray::from(vec![-1])), "", Format::Binary).0,
        "22008"
    );
}

const GOLDEN: [(&str, &str); 7] = [
    ("2026-11-24 10:00:00.52", "000304018ad05740"),
    ("1970-01-01 00:00:00", "fffca2fec4c82000"),
    ("1969-12-31 23:59:59.999999", "fffca2fec4c81fff"),
    ("0044-03-15 01:02:03 BC", "ff1af9dfca4398c0"),
    ("12345-01-02 03:04:05", "0487ceb9b72b7340"),
    ("4714-11-24 00:00:00 BC", "fd0f7cc1411fa000"),
    ("2000-01-01 00:00:00", "0000000000000000"),
];

const MICROS: [i64; 7] = [
    1_795_514_400_520_000,
    0,
    -1,
    -63_517_820_277_000_000,
    327_403_479_845_000_000,
    -210_866_803_200_000_000,
    946_684_800_000_000,
];

#[test]
fn timestamps_of_every_unit_print_as_postgres_does() {
    assert_golden(Arc::new(TimestampMicrosecondArray::from(MICROS.to_vec())), "", &GOLDEN);
    let zoned = TimestampMicrosecondArray::from(MICROS.to_vec()).with_timezone("+00:00");
    let golden = GOLDEN.map(|(text, hex)| match text.strip_suffix(" BC") {
        Some(text) => (format!("{text}+00 BC"), hex),
        None => (format!("{text}+00"), hex),
    });
    let golden: Vec<_> = golden.iter().map(|(text, hex)| (text.as_str(), *hex)).collect();
    assert_golden(Arc::new(zoned), "", &golden);
    assert_golden(
        Arc::new(TimestampMillisecondArray::from(vec![1_795_514_400_520, 0])),
        "",
        &GOLDEN[..2],
    );
    assert_golden(
        Arc::new(TimestampSecondArray::from(vec![0, 946_684_800])),
        "",
        &[GOLDEN[1], GOLDEN[6]],
    );
    // Nanoseconds are cut off, also before 1970.
    assert_golden(
        Arc::new(TimestampNanosecondArray::from(vec![1_795_514_400_520_000_999, 0, -1])),
        "",
        &GOLDEN[..3],
    );
}

#[test]
fn timestamps_beyond_postgres_range_are_refused() {
    let words = ("22008", "timestamp out of range".to_string());
    for micros in [i64::MIN, i64::MAX, -210_866_803_200_000_001] {
        assert_eq!(
            refusal(
                Arc::new(TimestampMicrosecondArray::from(vec![micros])),
                "",
                Format::Text
            ),
            words
        );
    }
    assert_eq!(
        refusal(Arc::new(TimestampSecondArray::from(vec![i64::MAX])), "", Format::Binary),
        words
    );
}

/// 2026-11-24 10:00:00.52, 1970-01-01, before, at and after changes to and from summer time in Berlin, 1850, 44 BC, 2500.
fn instants() -> ArrayRef {
    let micros = vec![
        1_795_514_400_520_000,
        0,
        1_774_745_999_999_999,
        1_774_746_000_000_000,
        1_792_888_200_000_000,
        1_792_891_800_000_000,
        -3_786_825_600_000_000,
        -63_517_820_277_000_000,
        1_774_785_600_000_000,
        16_740_864_000_000_000,
    ];
    Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC"))
}

fn style(zone: Zone, date_form: DateForm, date_order: DateOrder) -> Style {
    Style {
        zone,
        date_form,
        date_order,
        ..Style::default()
    }
}

#[test]
fn zones_with_summer_time_and_local_mean_time() {
    let print = |tz| texts(instants(), "", &style(Zone::Named(tz), DateForm::Iso, DateOrder::Mdy));
    assert_eq!(
        print(Tz::Europe__Berlin),
        [
            "2026-11-24 11:00:00.52+01",
            "1970-01-01 01:00:00+01",
            "2026-03-29 01:59:59.999999+01",
            "2026-03-29 03:00:00+02",
            "2026-10-25 02:30:00+02",
            "2026-10-25 02:30:00+01",
            "1850-01-01 00:53:28+00:53:28",
            "0044-03-15 01:55:31+00:53:28 BC",
            "2026-03-29 14:00:00+02",
            "2500-07-01 02:00:00+02",
        ]
    );
    assert_eq!(
        print(Tz::Asia__Kolkata)[..8],
        [
            "2026-11-24 15:30:00.52+05:30",
            "1970-01-01 05:30:00+05:30",
            "2026-03-29 06:29:59.999999+05:30",
            "2026-03-29 06:30:00+05:30",
            "2026-10-25 06:00:00+05:30",
            "2026-10-25 07:00:00+05:30",
            "1850-01-01 05:53:28+05:53:28",
            "0044-03-15 06:55:31+05:53:28 BC",
        ]
    );
    assert_eq!(
        print(Tz::America__St_Johns)[6..],
        [
            "1849-12-31 20:29:08-03:30:52",
            "0044-03-14 21:31:11-03:30:52 BC",
            "2026-03-29 09:30:00-02:30",
            "2500-06-30 21:30:00-02:30",
        ]
    );
    let fixed = texts(
        instants(),
        "",
        &style(Zone::Fixed(19_800), DateForm::Iso, DateOrder::Mdy),
    );
    assert_eq!(fixed[0], "2026-11-24 15:30:00.52+05:30");
    let fixed = texts(
        instants(),
        "",
        &style(Zone::Fixed(-12_600), DateForm::Iso, DateOrder::Mdy),
    );
    assert_eq!(fixed[0], "2026-11-24 06:30:00.52-03:30");
}

#[test]
fn date_styles_order_and_name_the_parts() {
    let print = |form, order| texts(instants(), "", &style(Zone::Named(Tz::Europe__Berlin), form, order)).join(";");
    assert_eq!(
        print(DateForm::Sql, DateOrder::Mdy),
        "11/24/2026 11:00:00.52 CET;01/01/1970 01:00:00 CET;03/29/2026 01:59:59.999999 CET;03/29/2026 03:00:00 CEST;10/25/2026 02:30:00 CEST;10/25/2026 02:30:00 CET;01/01/1850 00:53:28 LMT;03/15/0044 01:55:31 LMT BC;03/29/2026 14:00:00 CEST;07/01/2500 02:00:00 CEST"
    );
    assert_eq!(
        print(DateForm::Sql, DateOrder::Dmy),
        "24/11/2026 11:00:00.52 CET;01/01/1970 01:00:00 CET;29/03/2026 01:59:59.999999 CET;29/03/2026 03:00:00 CEST;25/10/2026 02:30:00 CEST;25/10/2026 02:30:00 CET;01/01/1850 00:53:28 LMT;15/03/0044 01:55:31 LMT BC;29/03/2026 14:00:00 CEST;01/07/2500 02:00:00 CEST"
    );
    assert_eq!(
        print(DateForm::Postgres, DateOrder::Mdy),
        "Tue Nov 24 11:00:00.52 2026 CET;Thu Jan 01 01:00:00 1970 CET;Sun Mar 29 01:59:59.999999 2026 CET;Sun Mar 29 03:00:00 2026 CEST;Sun Oct 25 02:30:00 2026 CEST;Sun Oct 25 02:30:00 2026 CET;Tue Jan 01 00:53:28 1850 LMT;Fri Mar 15 01:55:31 0044 LMT BC;Sun Mar 29 14:00:00 2026 CEST;Thu Jul 01 02:00:00 2500 CEST"
    );
    assert_eq!(
        print(DateForm::Postgres, DateOrder::Dmy),
        "Tue 24 Nov 11:00:00.52 2026 CET;Thu 01 Jan 01:00:00 1970 CET;Sun 29 Mar 01:59:59.999999 2026 CET;Sun 29 Mar 03:00:00 2026 CEST;Sun 25 Oct 02:30:00 2026 CEST;Sun 25 Oct 02:30:00 2026 CET;Tue 01 Jan 00:53:28 1850 LMT;Fri 15 Mar 01:55:31 0044 LMT BC;Sun 29 Mar 14:00:00 2026 CEST;Thu 01 Jul 02:00:00 2500 CEST"
    );
    assert_eq!(
        print(DateForm::German, DateOrder::Dmy),
        "24.11.2026 11:00:00.52 CET;01.01.1970 01:00:00 CET;29.03.2026 01:59:59.999999 CET;29.03.2026 03:00:00 CEST;25.10.2026 02:30:00 CEST;25.10.2026 02:30:00 CET;01.01.1850 00:53:28 LMT;15.03.0044 01:55:31 LMT BC;29.03.2026 14:00:00 CEST;01.07.2500 02:00:00 CEST"
    );
    let tehran = style(Zone::Named(Tz::Asia__Tehran), DateForm::Sql, DateOrder::Mdy);
    assert_eq!(texts(instants(), "", &tehran)[0], "11/24/2026 13:30:00.52 +0330");
    let fixed = style(Zone::Fixed(12_600), DateForm::Sql, DateOrder::Mdy);
    assert_eq!(texts(instants(), "", &fixed)[0], "11/24/2026 13:30:00.52 +03:30");
    let dates = |form, order| {
        let style = style(Zone::UTC, form, order);
        let date = texts(Arc::new(Date32Array::from(vec![20781])), "", &style).remove(0);
        let timestamp = texts(
            Arc::new(TimestampMillisecondArray::from(vec![1_795_514_400_500])),
            "",
            &style,
        )
        .remove(0);
        format!("{date} | {timestamp}")
    };
    assert_eq!(
        dates(DateForm::Sql, DateOrder::Mdy),
        "11/24/2026 | 11/24/2026 10:00:00.5"
    );
    assert_eq!(
        dates(DateForm::Sql, DateOrder::Dmy),
        "24/11/2026 | 24/11/2026 10:00:00.5"
    );
    assert_eq!(
        dates(DateForm::Sql, DateOrder::Ymd),
        "11/24/2026 | 11/24/2026 10:00:00.5"
    );
    assert_eq!(
        dates(DateForm::Postgres, DateOrder::Mdy),
        "11-24-2026 | Tue Nov 24 10:00:00.5 2026"
    );
    assert_eq!(
        dates(DateForm::Postgres, DateOrder::Dmy),
        "24-11-2026 | Tue 24 Nov 10:00:00.5 2026"
    );
    assert_eq!(
        dates(DateForm::Postgres, DateOrder::Ymd),
        "11-24-2026 | Tue Nov 24 10:00:00.5 2026"
    );
    assert_eq!(
        dates(DateForm::German, DateOrder::Mdy),
        "24.11.2026 | 24.11.2026 10:00:00.5"
    );
}

/// Months, days, microseconds; binary; the styles postgres, postgres_verbose, sql_standard, iso_8601.
type IntervalRow = (i32, i32, i64, &'static str, [&'static str; 4]);

#[rustfmt::skip]
const INTERVALS: &[IntervalRow] = &[
    (0, 0, 0, "00000000000000000000000000000000", ["00:00:00", "@ 0", "0", "PT0S"]),
    (0, 1, 0, "00000000000000000000000100000000", ["1 day", "@ 1 day", "1 0:00:00", "P1D"]),
    (0, -1, 0, "0000000000000000ffffffff00000000", ["-1 days", "@ 1 day ago", "-1 0:00:00", "P-1D"]),
    (14, 3, 14_706_789_000, "000000036c97ca88000000030000000e", ["1 year 2 mons 3 days 04:05:06.789", "@ 1 year 2 mons 3 days 4 hours 5 mins 6.789 secs", "+1-2 +3 +4:05:06.789", "P1Y2M3DT4H5M6.789S"]),
    (-14, -3, -14_706_789_000, "fffffffc93683578fffffffdfffffff2", ["-1 years -2 mons -3 days -04:05:06.789", "@ 1 year 2 mons 3 days 4 hours 5 mins 6.789 secs ago", "-1-2 -3 -4:05:06.789", "P-1Y-2M-3DT-4H-5M-6.789S"]),
    (1, -1, 0, "0000000000000000ffffffff00000001", ["1 mon -1 days", "@ 1 mon -1 days", "+0-1 -1 +0:00:00", "P1M-1D"]),
    (11, 0, 1_000_000, "00000000000f4240000000000000000b", ["11 mons 00:00:01", "@ 11 mons 1 sec", "+0-11 +0 +0:00:01", "P11MT1S"]),
    (0, -1, 7_200_000_000, "00000001ad274800ffffffff00000000", ["-1 days +02:00:00", "@ 1 day -2 hours ago", "+0-0 -1 +2:00:00", "P-1DT2H"]),
    (0, 0, 360_000_000_000, "00000053d1ac10000000000000000000", ["100:00:00", "@ 100 hours", "100:00:00", "PT100H"]),
    (0, 0, -500_000, "fffffffffff85ee00000000000000000", ["-00:00:00.5", "@ 0.5 secs ago", "-0:00:00.5", "PT-0.5S"]),
    (0, 0, 1_000_000, "00000000000f42400000000000000000", ["00:00:01", "@ 1 sec", "0:00:01", "PT1S"]),
    (0, 0, 1_500_000, "000000000016e3600000000000000000", ["00:00:01.5", "@ 1.5 secs", "0:00:01.5", "PT1.5S"]),
    (-1, 0, 1_000_000, "00000000000f424000000000ffffffff", ["-1 mons +00:00:01", "@ 1 mon -1 sec ago", "-0-1 +0 +0:00:01", "P-1MT1S"]),
    (-1, 1, 0, "000000000000000000000001ffffffff", ["-1 mons +1 day", "@ 1 mon -1 days ago", "-0-1 +1 +0:00:00", "P-1M1D"]),
    (14, 0, 0, "0000000000000000000000000000000e", ["1 year 2 mons", "@ 1 year 2 mons", "1-2", "P1Y2M"]),
    (0, 3, 14_706_000_000, "000000036c8bc0800000000300000000", ["3 days 04:05:06", "@ 3 days 4 hours 5 mins 6 secs", "3 4:05:06", "P3DT4H5M6S"]),
    (0, 0, 14_706_000_000, "000000036c8bc0800000000000000000", ["04:05:06", "@ 4 hours 5 mins 6 secs", "4:05:06", "PT4H5M6S"]),
    (0, 1, -1_250_000, "ffffffffffeced300000000100000000", ["1 day -00:00:01.25", "@ 1 day -1.25 secs", "+0-0 +1 -0:00:01.25", "P1DT-1.25S"]),
    (0, 0, 60_000_000, "00000000039387000000000000000000", ["00:01:00", "@ 1 min", "0:01:00", "PT1M"]),
    (0, 0, -1_000_000, "fffffffffff0bdc00000000000000000", ["-00:00:01", "@ 1 sec ago", "-0:00:01", "PT-1S"]),
    (0, 0, 61_000_000, "0000000003a2c9400000000000000000", ["00:01:01", "@ 1 min 1 sec", "0:01:01", "PT1M1S"]),
];

#[test]
fn intervals_in_every_style() {
    let values: Vec<_> = INTERVALS
        .iter()
        .map(|row| IntervalMonthDayNano::new(row.0, row.1, row.2 * 1_000))
        .collect();
    let array: ArrayRef = Arc::new(IntervalMonthDayNanoArray::from(values));
    let golden: Vec<_> = INTERVALS.iter().map(|row| (row.4[0], row.3)).collect();
    assert_golden(array.clone(), "", &golden);
    let styles = [
        IntervalStyle::Postgres,
        IntervalStyle::PostgresVerbose,
        IntervalStyle::SqlStandard,
        IntervalStyle::Iso8601,
    ];
    for (index, interval_style) in styles.into_iter().enumerate() {
        let golden: Vec<_> = INTERVALS.iter().map(|row| row.4[index]).collect();
        assert_eq!(
            texts(
                array.clone(),
                "",
                &Style {
                    interval_style,
                    ..Style::default()
                }
            ),
            golden
        );
    }
}

#[test]
fn durations_are_intervals_with_whole_days_apart() {
    let array: ArrayRef = Arc::new(DurationMillisecondArray::from(vec![93_784_005, -93_784_005, 0]));
    assert_eq!(
        texts(array, "", &Style::default()),
        ["1 day 02:03:04.005", "-1 days -02:03:04.005", "00:00:00"]
    );
    let array: ArrayRef = Arc::new(IntervalYearMonthArray::from(vec![14]));
    assert_eq!(texts(array, "", &Style::default()), ["1 year 2 mons"]);
    let array: ArrayRef = Arc::new(IntervalDayTimeArray::from(vec![IntervalDayTime::new(1, -1250)]));
    assert_eq!(texts(array, "", &Style::default()), ["1 day -00:00:01.25"]);
    let array: ArrayRef = Arc::new(DurationSecondArray::from(vec![i64::MAX]));
    assert_eq!(
        refusal(array, "", Format::Text),
        ("22008", "interval out of range".into())
    );
}

#[test]
fn duration_columns_named_bigint_are_milliseconds_unless_the_session_asks_for_intervals() {
    let array: ArrayRef = Arc::new(DurationMillisecondArray::from(vec![Some(1_500), None]));
    assert_golden(array.clone(), "bigint", &[("1500", "00000000000005dc"), ("∅", "∅")]);
    let style = Style {
        durations_as_interval: true,
        ..Style::default()
    };
    assert_eq!(texts(array.clone(), "bigint", &style), ["00:00:01.5", "∅"]);
    let batch = batch(array, "bigint");
    let described = FieldDescription::of(&batch.schema(), &[], &style);
    assert_eq!(described[0].ty.ty, postgres_types::Type::INTERVAL);
    assert_eq!(
        texts(
            Arc::new(DurationSecondArray::from(vec![2])),
            "bigint",
            &Style::default()
        ),
        ["2000"]
    );
}

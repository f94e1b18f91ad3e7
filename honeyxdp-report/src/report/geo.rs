//! Countries and networks looked up while the report is made, in the place of those that the archive holds.

use std::{
    fs,
    hash::{Hash as _, Hasher},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray as _, StringViewArray, UInt32Array},
        datatypes::{DataType, UInt32Type},
    },
    error::Result,
    logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf},
};
use honeyxdp_archive::{Geo, Location};

/// MMDB files that a report is given.
#[derive(Clone, Debug, Default)]
pub struct GeoFiles {
    /// Countries; without it, those of the archive stand.
    pub country: Option<PathBuf>,
    /// Networks; without it, those of the archive stand.
    pub asn: Option<PathBuf>,
}

/// The country of a source in the archive, also when the rows of a day have several.
const FROM_ARCHIVE: &str = "country_text(max(country_number(country)))";

impl GeoFiles {
    /// Country and network of a source, as SQL over the rows of one source: of IPv4, then of IPv6.
    pub(super) fn words(&self) -> [(&'static str, &'static str); 4] {
        let (country, country6) = match self.country {
            Some(_) => ("geo_country(src)", "geo_country6(CAST(src6 AS BYTEA))"),
            None => (FROM_ARCHIVE, FROM_ARCHIVE),
        };
        let (asn, asn6) = match self.asn {
            Some(_) => ("geo_asn(src)", "geo_asn6(CAST(src6 AS BYTEA))"),
            None => ("max(asn)", "max(asn)"),
        };
        [("country", country), ("country6", country6), ("asn", asn), ("asn6", asn6)]
    }

    /// The functions that [`Self::words`] call.
    pub(super) fn functions(&self) -> anyhow::Result<Vec<ScalarUDF>> {
        let geo = Arc::new(Geo::open(self.country.as_deref(), self.asn.as_deref())?);
        let country = |places: Vec<Option<Location>>| -> ArrayRef {
            let code = |place: Option<Location>| place?.country.map(|code| String::from_utf8_lossy(&code).into_owned());
            Arc::new(places.into_iter().map(code).collect::<StringViewArray>())
        };
        let asn = |places: Vec<Option<Location>>| -> ArrayRef {
            Arc::new(places.into_iter().map(|place| place?.asn).collect::<UInt32Array>())
        };
        Ok(vec![
            function("geo_country", DataType::UInt32, DataType::Utf8View, &geo, country),
            function("geo_country6", DataType::Binary, DataType::Utf8View, &geo, country),
            function("geo_asn", DataType::UInt32, DataType::UInt32, &geo, asn),
            function("geo_asn6", DataType::Binary, DataType::UInt32, &geo, asn),
        ])
    }

    /// A cluster has no files of this machine.
    pub(super) fn must_be_nowhere(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.country.is_none() && self.asn.is_none(),
            "a cluster cannot look into MMDB files of this machine: leave out --geoip and --asn, and what the sensors wrote \
             stands, or leave out --engine."
        );
        Ok(())
    }

    /// Changes when another file lies there.
    pub(super) fn stamp(&self, hasher: &mut impl Hasher) -> anyhow::Result<()> {
        for path in [&self.country, &self.asn] {
            let about = path.as_ref().map(|path| stamp(path)).transpose()?;
            about.hash(hasher);
        }
        Ok(())
    }
}

fn stamp(path: &Path) -> anyhow::Result<(u64, u64, i64, i64)> {
    let about = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((about.ino(), about.len(), about.mtime(), about.mtime_nsec()))
}

/// A function from addresses to something about their places.
fn function(
    name: &str,
    from: DataType,
    to: DataType,
    geo: &Arc<Geo>,
    value: impl Fn(Vec<Option<Location>>) -> ArrayRef + Send + Sync + 'static,
) -> ScalarUDF {
    let geo = Arc::clone(geo);
    let look_up = move |arguments: &[ColumnarValue]| -> Result<ColumnarValue> {
        let addresses = ColumnarValue::values_to_arrays(arguments)?;
        let places = addresses_of(&addresses[0]).map(|address| address.map(|address| geo.place(address)));
        Ok(ColumnarValue::Array(value(places.collect())))
    };
    create_udf(name, vec![from], to, Volatility::Immutable, Arc::new(look_up))
}

fn addresses_of(column: &ArrayRef) -> Box<dyn Iterator<Item = Option<IpAddr>> + '_> {
    match column.data_type() {
        DataType::UInt32 => Box::new(
            column.as_primitive::<UInt32Type>().iter().map(|address| Some(Ipv4Addr::from_bits(address?).into())),
        ),
        _ => Box::new(column.as_binary::<i32>().iter().map(|address| {
            let octets: [u8; 16] = address?.try_into().ok()?;
            Some(Ipv6Addr::from(octets).into())
        })),
    }
}

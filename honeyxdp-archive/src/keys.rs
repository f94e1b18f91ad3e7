//! Identity of payloads, so that an import adds none twice.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arrow_array::{
    Array as _,
    cast::AsArray as _,
    types::{TimestampMillisecondType, UInt16Type, UInt32Type},
};
use jiff::civil::Date;

use crate::{Archive, Error, FileName, PayloadRow, Reader, Result, Table};

const BATCH: usize = 1 << 13;

/// Identity of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PayloadKey<'a> {
    /// Time of arrival, in milliseconds since the Unix epoch, UTC.
    pub time: i64,
    /// Source address.
    pub src: IpAddr,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// User name of a login.
    pub username: Option<&'a str>,
    /// Password of a login.
    pub password: Option<&'a str>,
    /// The first bytes.
    pub payload: &'a [u8],
}

impl<'a> From<&'a PayloadRow> for PayloadKey<'a> {
    fn from(payload: &'a PayloadRow) -> Self {
        Self {
            time: payload.time,
            src: payload.src,
            src_port: payload.src_port,
            dst_port: payload.dst_port,
            username: payload.username.as_deref(),
            password: payload.password.as_deref(),
            payload: &payload.payload,
        }
    }
}

impl Archive {
    /// Calls `each` for every payload of a sensor and date (UTC).
    ///
    /// # Errors
    /// Returns an error if a file cannot be read.
    pub fn each_payload(&self, sensor: &str, date: Date, mut each: impl FnMut(PayloadKey<'_>)) -> Result<()> {
        let sensor = FileName::sensor_of(sensor);
        for file in self.files(Table::Payloads, date)?.into_iter().filter(|file| file.name.sensor == sensor) {
            for batch in Reader::open(&file)?.batches(BATCH)? {
                let batch = batch?;
                let column = |name: &str| batch.column_by_name(name).expect("the schema was compared");
                let times = column("time").as_primitive::<TimestampMillisecondType>();
                let (v4, v6) = (column("src").as_primitive::<UInt32Type>(), column("src6").as_fixed_size_binary());
                let port = |name| column(name).as_primitive::<UInt16Type>();
                let (src_ports, dst_ports) = (port("src_port"), port("dst_port"));
                let text = |name| column(name).as_string::<i32>();
                let (users, passwords) = (text("username"), text("password"));
                let payloads = column("payload").as_binary::<i32>();
                for row in 0..batch.num_rows() {
                    let src = if v4.is_valid(row) {
                        IpAddr::V4(Ipv4Addr::from_bits(v4.value(row)))
                    } else {
                        let bytes = <[u8; 16]>::try_from(v6.value(row));
                        IpAddr::V6(Ipv6Addr::from(bytes.map_err(|_| Error::wrong(&file.path, "a row has no source"))?))
                    };
                    each(PayloadKey {
                        time: times.value(row),
                        src,
                        src_port: src_ports.value(row),
                        dst_port: dst_ports.value(row),
                        username: users.is_valid(row).then(|| users.value(row)),
                        password: passwords.is_valid(row).then(|| passwords.value(row)),
                        payload: payloads.value(row),
                    });
                }
            }
        }
        Ok(())
    }
}

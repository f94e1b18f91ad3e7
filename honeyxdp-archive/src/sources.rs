//! The columns of source addresses, shared by flows and payloads.

use std::{net::IpAddr, sync::Arc};

use arrow_array::{
    ArrayRef,
    builder::{FixedSizeBinaryBuilder, UInt32Builder},
};

use crate::Result;

/// `src` and `src6`: exactly one of them is set.
pub(crate) struct Sources {
    v4: UInt32Builder,
    v6: FixedSizeBinaryBuilder,
}

impl Sources {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self { v4: UInt32Builder::with_capacity(rows), v6: FixedSizeBinaryBuilder::with_capacity(rows, 16) }
    }

    pub(crate) fn push(&mut self, address: IpAddr) -> Result<()> {
        match address {
            IpAddr::V4(address) => {
                self.v4.append_value(address.to_bits());
                self.v6.append_null();
            }
            IpAddr::V6(address) => {
                self.v4.append_null();
                self.v6.append_value(address.octets())?;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> [ArrayRef; 2] {
        [Arc::new(self.v4.finish()), Arc::new(self.v6.finish())]
    }
}

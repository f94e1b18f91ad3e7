//! Functions that the questions call and the engine does not have.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{AsArray as _, Int64Array, StringViewArray, UInt16Array},
        datatypes::{DataType, UInt16Type, UInt64Type},
    },
    logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf},
};

/// All of them.
pub(crate) fn all() -> [ScalarUDF; 3] {
    [bit_count(), country_number(), country_text()]
}

/// `bit_count(bits)`: how many bits are set. Other databases have it, too.
fn bit_count() -> ScalarUDF {
    let count = |arguments: &[ColumnarValue]| {
        let bits = ColumnarValue::values_to_arrays(arguments)?;
        let counts: Int64Array = bits[0].as_primitive::<UInt64Type>().unary(|bits| bits.count_ones().into());
        Ok(ColumnarValue::Array(Arc::new(counts)))
    };
    create_udf("bit_count", vec![DataType::UInt64], DataType::Int64, Volatility::Immutable, Arc::new(count))
}

/// `country_number(code)`: the two bytes of a country's code as a number, of which the greatest is found faster. What is no
/// two bytes is no country.
fn country_number() -> ScalarUDF {
    let number = |arguments: &[ColumnarValue]| {
        let codes = ColumnarValue::values_to_arrays(arguments)?;
        let codes = codes[0].as_string_view();
        let number = |code: Option<&str>| code?.as_bytes().try_into().ok().map(u16::from_be_bytes);
        let numbers: UInt16Array = codes.iter().map(number).collect();
        Ok(ColumnarValue::Array(Arc::new(numbers)))
    };
    create_udf("country_number", vec![DataType::Utf8View], DataType::UInt16, Volatility::Immutable, Arc::new(number))
}

/// `country_text(number)`: the code again.
fn country_text() -> ScalarUDF {
    let text = |arguments: &[ColumnarValue]| {
        let numbers = ColumnarValue::values_to_arrays(arguments)?;
        let numbers = numbers[0].as_primitive::<UInt16Type>();
        let text = |number: Option<u16>| Some(String::from_utf8_lossy(&number?.to_be_bytes()).into_owned());
        let texts: StringViewArray = numbers.iter().map(text).collect();
        Ok(ColumnarValue::Array(Arc::new(texts)))
    };
    create_udf("country_text", vec![DataType::UInt16], DataType::Utf8View, Volatility::Immutable, Arc::new(text))
}

//! Columns of repeating text.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, DictionaryArray,
    builder::{Int32Builder, StringBuilder},
    types::Int32Type,
};

use crate::Result;

/// Builds a column of few distinct strings.
pub(crate) struct DictionaryBuilder {
    keys: Int32Builder,
    values: Vec<Box<str>>,
    last: Option<(String, i32)>,
}

impl DictionaryBuilder {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self { keys: Int32Builder::with_capacity(rows), values: Vec::new(), last: None }
    }

    pub(crate) fn push(&mut self, word: Option<&str>) {
        let Some(word) = word else {
            return self.keys.append_null();
        };
        if let Some((last, key)) = &self.last
            && last == word
        {
            return self.keys.append_value(*key);
        }
        let at = self.values.iter().position(|value| **value == *word).unwrap_or_else(|| {
            self.values.push(word.into());
            self.values.len() - 1
        });
        let key = i32::try_from(at).expect("there are few values");
        self.keys.append_value(key);
        self.last = Some((word.to_owned(), key));
    }

    pub(crate) fn finish(mut self) -> Result<ArrayRef> {
        let mut values = StringBuilder::new();
        self.values.iter().for_each(|value| values.append_value(value));
        let array = DictionaryArray::<Int32Type>::try_new(self.keys.finish(), Arc::new(values.finish()))?;
        Ok(Arc::new(array))
    }
}

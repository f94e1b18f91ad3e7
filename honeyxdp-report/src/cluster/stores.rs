//! Where the engine finds files: on this machine, and in every place that an archive can be in, opened when it is first asked
//! for, by the credentials of this process.

use std::sync::Arc;

use datafusion::{
    error::{DataFusionError, Result},
    execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry},
};
use honeyxdp_fleet::Place;
use object_store::ObjectStore;
use url::Url;

/// The places that were opened.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    opened: DefaultObjectStoreRegistry,
}

impl ObjectStoreRegistry for Stores {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.opened.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.opened.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if let Ok(store) = self.opened.get_store(url) {
            return Ok(store);
        }
        let mut base = url.clone();
        base.set_path("");
        let place = Place::open(base.as_str()).map_err(|error| DataFusionError::External(error.into()))?;
        self.opened.register_store(&base, Arc::clone(place.store()));
        Ok(Arc::clone(place.store()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_opened_once() {
        let stores = Stores::default();
        let get = |url: &str| stores.get_store(&Url::parse(url).unwrap());
        let store = get("s3://bucket/some/object").unwrap();
        assert!(Arc::ptr_eq(&store, &get("s3://bucket/").unwrap()));
        assert!(!Arc::ptr_eq(&store, &get("s3://another/some/object").unwrap()));
        get("file:///srv").unwrap();
        assert!(get("https://example.com/").is_err());
    }
}

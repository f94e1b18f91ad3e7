//! A payload and its regions.

mod http;
mod region;

use crate::dropper::{self, Dropper};
use http::Request;
pub use region::{Region, Regions};

/// A payload split into its regions.
pub(crate) struct Payload<'p> {
    whole: &'p [u8],
    request: Option<Request<'p>>,
    dropper: Option<Dropper>,
}

impl<'p> Payload<'p> {
    /// Parses a payload of any length.
    pub(crate) fn new(whole: &'p [u8]) -> Self {
        let request = Request::parse(whole);
        let dropper = match &request {
            // The HTTP version between these parts is not a word of a command.
            Some(request) => dropper::find(&[request.uri, request.headers, request.body]),
            None => dropper::find(&[whole]),
        };
        Self { whole, request, dropper }
    }

    /// The bytes of a region, or `None` if the payload has no such region.
    pub(crate) fn region(&self, region: Region) -> Option<&[u8]> {
        let request = self.request.as_ref();
        match region {
            Region::Start | Region::Any => Some(self.whole),
            Region::Method => request.map(|request| request.method),
            Region::Uri => request.map(|request| request.uri),
            Region::Headers => request.map(|request| request.headers),
            Region::Body => request.map(|request| request.body),
            Region::UserAgent => request.and_then(Request::user_agent),
            Region::File => self.dropper.as_ref().map(|dropper| dropper.file.as_bytes()),
        }
    }

    /// The download command in the payload.
    pub(crate) fn into_dropper(self) -> Option<Dropper> {
        self.dropper
    }
}

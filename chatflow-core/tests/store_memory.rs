//! The reference store keeps the contract.

use std::sync::Arc;

use chatflow_core::testing::store_kit::StoreHarness;
use chatflow_core::{MemoryStore, Store};

struct InMemory;

#[async_trait::async_trait]
impl StoreHarness for InMemory {
    async fn fresh(&self) -> Arc<dyn Store> {
        Arc::new(MemoryStore::new())
    }

    async fn reopen(&self, _store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        None
    }
}

chatflow_core::store_conformance!(InMemory);

//! The store keeps the contract: the conformance kit on database files.

use std::path::Path;
use std::sync::{Arc, Mutex};

use chatflow_core::Store;
use chatflow_core::testing::store_kit::StoreHarness;
use chatflow_store_sqlite::SqliteStore;
use tempfile::TempDir;

/// Keeps the folder of the newest store, and removes it in the end.
#[derive(Default)]
struct Folder(Mutex<Option<TempDir>>);

fn open(folder: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(folder.join("chatflow.db")).expect("the database opens"))
}

#[async_trait::async_trait]
impl StoreHarness for Folder {
    async fn fresh(&self) -> Arc<dyn Store> {
        let folder = TempDir::new().expect("a folder for the case");
        let store = open(folder.path());
        *self.0.lock().expect("no case shares its harness") = Some(folder);
        store
    }

    async fn reopen(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        assert_eq!(Arc::strong_count(&store), 1, "the last one frees the file");
        drop(store);
        let folder = self.0.lock().expect("no case shares its harness");
        folder.as_ref().map(|folder| open(folder.path()))
    }
}

chatflow_core::store_conformance!(Folder::default());

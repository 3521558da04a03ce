// Original file: proto/dbmazz.proto

export interface PauseSnapshotRequest {
}

export interface PauseSnapshotRequest__Output {
}

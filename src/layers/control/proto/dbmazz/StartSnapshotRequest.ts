// Original file: proto/dbmazz.proto

export interface StartSnapshotRequest {
}

export interface StartSnapshotRequest__Output {
}

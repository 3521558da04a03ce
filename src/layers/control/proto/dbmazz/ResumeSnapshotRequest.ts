// Original file: proto/dbmazz.proto

export interface ResumeSnapshotRequest {
}

export interface ResumeSnapshotRequest__Output {
}

// Names of the origin private file system that the library of TypeScript lacks.
interface FileSystemFileHandle {
  /** Gives the file another name in its folder, in the place of what has that name. */
  move(name: string): Promise<void>;
  /** Several read-only handles may be open at once; engines without the mode open an exclusive one. */
  createSyncAccessHandle(options: { readonly mode: 'read-only' }): Promise<FileSystemSyncAccessHandle>;
}

# Runs gpu.mjs on a bare Linux machine with an NVIDIA card and no network: sh tests/bench/gpu.sh, from the root of the repository. Beside
# dist/ and tests/bench it needs a folder (KIT, by default build/gpu-kit; 33 MB) with what `sh tests/bench/gpu.sh pack` puts there where there
# is a network: node.xz and dawn.node.xz, and the Debian packages of the Vulkan loader, without whose X11 libraries the driver has no Vulkan.
set -e
KIT=${KIT:-build/gpu-kit}
here=$(pwd)
if [ "$1" = pack ]; then
  mkdir -p "$KIT"
  node=$(mktemp) && cp "$(command -v node)" "$node" && { strip "$node" || true; } && xz -T0 -c "$node" > "$KIT/node.xz" && rm "$node"
  node tests/web/gpu/install-dawn.mjs
  xz -T0 -c build/webgpu/node_modules/webgpu/dist/linux-x64/dawn.node > "$KIT/dawn.node.xz"
  cd "$KIT" && apt-get download libvulkan1 libegl1 libglvnd0 libopengl0 libgl1 libglx0 libgles2 libx11-6 libxcb1 libxau6 libxdmcp6 \
    libxext6 libbsd0 libmd0
  exit
fi
for package in "$KIT"/*.deb; do dpkg -x "$package" /; done
ldconfig
work=$(mktemp -d)
xz -dc "$KIT/node.xz" > "$work/node" && xz -dc "$KIT/dawn.node.xz" > "$work/dawn.node" && chmod +x "$work/node"
driver=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
if [ -f $driver ]; then export VK_DRIVER_FILES=$driver VK_ICD_FILENAMES=$driver; fi
export XDG_RUNTIME_DIR="$work" DAWN="$work/dawn.node"
# 0.1B, 0.4B and 1.5B. Packing q4 takes most of the time, so one thread is measured where it is soon done.
for run in '--processor 12-768-65536 q4 f16' '--processor 24-1024-65536 q4 f16' '24-2048-65536 q4 f16'; do
  timeout 170 "$work/node" "$here/tests/bench/gpu.mjs" $run || echo "gpu.mjs $run: ended with $?"
done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# empty-root.sh PACKAGE FOLDER: runs the package in a root that holds nothing but
# moe-run, libmoe.so and the C and C++ run-time libraries. Prints what is in it.
# Without the right to chroot it runs under a library path of only these.
set -euo pipefail
package=$1 root=$2
build=$(dirname "$(dirname "$(command -v moe-run)")")
rm -rf "$root"
mkdir -p "$root/lib"
strip -o "$root/moe-run" "$build/bin/moe-run"
strip -o "$root/lib/libmoe.so.0" "$build/lib/libmoe.so.0"
cp "$package" "$root/layer.moe"
ldd "$build/bin/moe-run" | grep -oE '/[^ ]+' | while read -r library; do
  case $library in
    *libmoe*) ;;
    */ld-linux*) mkdir -p "$root$(dirname "$library")"; cp -L "$library" "$root$library" ;;
    *) cp -L "$library" "$root/lib/" ;;
  esac
done
(cd "$root" && find . -type f -printf '%P\n' | sort && stat -c '%n: %s bytes' moe-run lib/libmoe.so.0 layer.moe)
if chroot / true 2>/dev/null; then
  env -i LD_LIBRARY_PATH=/lib "$(command -v chroot)" "$root" /moe-run /layer.moe --random-weights=1 --tokens=4 --seed=1
else
  env -i LD_LIBRARY_PATH="$root/lib" "$root/moe-run" "$root/layer.moe" --random-weights=1 --tokens=4 --seed=1
fi
